import { sql } from 'kysely';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { upsertSessions } from '../../src/store/sessions.ts';
import { personKey } from '../database/keys.ts';
import type { Counts } from './fill-tables.ts';
import { shuffled } from './shuffled.ts';

/** People in one transaction. */
const batchSize = 2_000;

/**
 * Updates every row once, in an order that is not that of the rows, as the service does it: queue rows replaced by a newer event, sessions
 * moved on, ids bound anew; the last two numbered for the feed.
 */
export async function updateTables(db: Db, counts: Counts, signal: AbortSignal): Promise<void> {
  await inBatches(counts.queueRows, signal, async (batch) => {
    await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
      select md5('park ' || i % 2000), md5('driver ' || i), 'online', now(), now(), true, now() from unnest(${batch}::int[]) i order by 1, 2
      on conflict (park_id, driver_id) do update set status = excluded.status, version = excluded.version, event_at = excluded.event_at,
        queued_at = excluded.queued_at, carries_event = true, due_at = excluded.due_at, wait_reason = null`.execute(db);
  });
  await inBatches(counts.sessions, signal, (batch) =>
    inTransaction(db, async (tx) => {
      const endsAt = new Date(Date.now() + 6 * 3_600_000);
      const session = { status: 'unrecognised', raw: 'PAUSED', endsAt, endIsEstimate: true } as const;
      const changed = batch.map((i) => {
        const [person, personNo, deptransId] = [personKey(i), i + 1, String(1_000_000 + i)];
        return { person, personNo, deptransId, region: 'moscow', session };
      });
      await publish(tx, { sessions: await upsertSessions(tx, changed) });
    }),
  );
  await inBatches(counts.ids, signal, (batch) =>
    inTransaction(db, async (tx) => {
      await bindAnew(tx, batch);
      await publish(tx, { bindings: batch.map((i) => i + 1) });
    }),
  );
}

/** What `bindings.write` does to a row, for many people at once: each gets an id that nobody has. */
async function bindAnew(tx: Db, batch: readonly number[]): Promise<void> {
  await sql`insert into deptrans.profiles as p (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at, state)
    select u.person, u.no, u.id, deptrans.now(), deptrans.now(), 'bound'
      from unnest(${batch.map(personKey)}::text[], ${batch.map((i) => i + 1)}::int[], ${batch.map((i) => String(3_000_000 + i))}::text[])
             u(person, no, id)
     order by 1
    on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id, updated_at = excluded.updated_at,
      bind_no = excluded.bind_no, checked_at = coalesce(excluded.checked_at, p.checked_at), state = excluded.state`.execute(
    tx,
  );
}

async function inBatches(count: number, signal: AbortSignal, work: (batch: number[]) => Promise<void>): Promise<void> {
  const order = shuffled(count);
  for (let i = 0; i < count; i += batchSize) {
    signal.throwIfAborted();
    await work(Array.from(order.subarray(i, i + batchSize)));
  }
}
