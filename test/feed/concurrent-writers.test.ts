import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { follow } from '../support/feed/follow.ts';
import { openTestFeed } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { openRandom, type Random } from '../support/feed/random.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

const WRITERS = 16;
const COMMITS_EACH = 60;
const PEOPLE = 900;

/** One random change; now and then it takes its numbers, dawdles, and commits or rolls back. */
async function writeOnce(db: Db, random: Random, people: readonly number[]): Promise<void> {
  const some = () => [...new Set(Array.from({ length: 1 + random.int(20) }, () => people[random.int(people.length)]!))];
  const kind = random.int(10);
  if (kind === 0) await moveProfiles(db, some()[0]!, random.chance(0.7) ? some()[0]! : null);
  else if (kind < 3) await setBindings(db, some(), random.chance(0.7) ? 'bound' : 'unbound');
  else if (kind < 8)
    await setSessions(db, some(), { deleted: random.chance(0.2), region: random.chance(0.5) ? 'moscow' : null });
  else await dawdle(db, random, some());
}

class Undo extends Error {}

async function dawdle(db: Db, random: Random, people: number[]): Promise<void> {
  const work = inTransaction(db, async (tx) => {
    await sql`select 1 from deptrans.session_statuses where person_no = any(${people}) order by driver_license_pd_id for update`.execute(
      tx,
    );
    const { rows } = await sql<{ no: number }>`update deptrans.session_statuses set updated_at = deptrans.now()
      where person_no = any(${people}) returning person_no as no`.execute(tx);
    await sql`select deptrans.publish(${rows.map(({ no }) => no)}::int[], '{}', '{}'), pg_sleep(${random.int(15) / 1_000})`.execute(
      tx,
    );
    if (random.chance(0.4)) throw new Undo();
  });
  await work.catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
}

test('16 writers at once, with delays and roll-backs: no key of any consumer is stale', async () => {
  await using database = await openTestDatabase({ maxConnections: WRITERS + 6 });
  const { db } = database;
  const people = await addPeople(db, PEOPLE, 2);
  await setSessions(db, people);
  await using feed = await openTestFeed(db);

  const consumers = (['ids', 'statuses'] as const).map((kind) => ({ kind, consumer: new Consumer() }));
  let last = Number.POSITIVE_INFINITY;
  const following = consumers.map(async ({ kind, consumer }, i) => {
    const random = openRandom(100 + i);
    // Leaves and comes back with its cursor, again and again.
    while (consumer.position < last)
      await follow(feed, kind, consumer, () => consumer.position >= last || random.chance(0.05));
    const whole = () => consumer.position >= last && consumer.cases().at(-1) === 'heartbeat';
    await follow(feed, kind, consumer, whole);
  });

  // A write transaction of somebody else's, open all the time.
  await inTransaction(db, async (foreign) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(foreign); // it does nothing, for as long as all this takes
    await sql`create temporary table foreign_work as select 1`.execute(foreign);
    const writers = Array.from({ length: WRITERS }, async (_, i) => {
      const random = openRandom(i + 1);
      for (let n = 0; n < COMMITS_EACH; n++) await writeOnce(db, random, people);
    });
    await Promise.all(writers);
  });
  last = (await setSessions(db, people.slice(0, 5)))!;
  await Promise.all(following);

  for (const { kind, consumer } of consumers) {
    expect(plainRecords(consumer.copy)).toEqual(await readRecords(db, kind));
  }
  expect(await feed.metrics.registry.getSingleMetricAsString('deptrans_feed_reloads_total')).not.toContain('reason=');
});
