import { sql } from 'kysely';
import type { TopicBatch } from '../../src/intake/event-source.ts';
import { type Intake, openIntake } from '../../src/intake/intake.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';

/** Times of events in these tests: seconds relative to this moment, which is never in the future. */
export const base = Date.now() - 3600_000;

export const at = (seconds: number): Date => new Date(base + seconds * 1000);

/** A message of the topic: `p1/d1 online 10`, or bytes as they are. */
export type Written = string | Uint8Array | null;

export function written(text: Written): Uint8Array | null {
  if (typeof text !== 'string') return text;
  const [profile, status, seconds] = text.split(' ') as [string, string, string];
  const [park_id, driver_id] = profile.split('/');
  return Buffer.from(JSON.stringify({ park_id, driver_id, status, event_at: at(Number(seconds)).toISOString() }));
}

/** A batch of a partition of topic `t` from offset `from` on. */
export function batchOf(
  from: number,
  texts: readonly Written[],
  place: Partial<Pick<TopicBatch, 'partition' | 'generation' | 'topicId' | 'from' | 'next'>> = {},
): TopicBatch {
  const messages = texts.map((text, i) => ({ offset: from + i, value: written(text) }));
  return {
    topic: 't',
    partition: 0,
    generation: 1,
    topicId: 'one',
    from,
    next: from + texts.length,
    messages,
    ...place,
  };
}

export function openTestIntake(db: Db, options: { pushSlot?: number } = {}): Intake {
  return openIntake({
    db,
    source: null,
    pushSlot: 0,
    maxSilenceMs: 24 * 3600_000,
    clock: systemClock,
    log: openLog('silent'),
    metrics: openMetrics(systemClock),
    ...options,
  });
}

type Row = Record<string, unknown>;

/** What the tables hold, with times as seconds after `base`. */
export async function readTables(db: Db) {
  const all = async (query: string) => (await sql.raw<Row>(query).execute(db)).rows;
  const seconds = (column: string) => `round(extract(epoch from ${column}) - ${base / 1000}, 3)::float8`;
  return {
    states:
      await all(`select park_id || '/' || driver_id as profile, status, ${seconds('connected_at')} as "connectedAt",
      ${seconds('event_at')} as "eventAt", source_gen as gen, source_offset as "offset" from deptrans.driver_states order by 1`),
    queue: await all(`select park_id || '/' || driver_id as profile, status, ${seconds('event_at')} as "eventAt",
      carries_event as carries, due_at is not null as due, version from deptrans.status_queue order by 1`),
    journal: await all(`select park_id || '/' || driver_id as profile, direction, driver_license_pd_id as person,
      ${seconds('happened_at')} as "happenedAt" from deptrans.journal order by happened_at, 1`),
    offsets: await all(`select topic, partition, generation as gen, topic_id as id, next_offset as next, taken
      from deptrans.topic_offsets order by 1, 2`),
    quarantine: await all(`select topic, partition, source_offset as "offset", reason, length(payload) as bytes
      from deptrans.quarantine order by id`),
    balance: Object.fromEntries(
      (
        await all(`select concat_ws(' ', outcome, nullif(reason, '')) as what, sum(n)::int as n
        from deptrans.balance group by 1 order by 1`)
      ).map(({ what, n }) => [what as string, n as number]),
    ),
  };
}
