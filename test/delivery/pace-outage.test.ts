import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { INSIDE, openDeliveryWorld } from '../support/delivery-world.ts';
import { until } from '../support/until.ts';
import { openPaceWorld } from './pace-world.ts';

const MINUTE = 60_000;

/** The most calls within any second that slides. */
function busiestSecond(times: readonly number[]): number {
  let first = 0;
  return times.reduce((most, at, i) => {
    while (times[first]! <= at - 1_000) first += 1;
    return Math.max(most, i - first + 1);
  }, 0);
}

test('G11, six minutes of the two hours: one probe a minute for three instances, and after it never above the rate', async () => {
  const maxRate = 50;
  await using world = await openPaceWorld({ maxRate });
  for (let i = 0; i < 3; i++) world.addInstance();
  await world.pass(5_000);
  world.regulator.up = false;
  await world.pass(2_000);
  const [outage, lasted] = [world.nowMs(), 6 * MINUTE];
  await world.pass(lasted);
  const probes = world.calls.filter(({ atMs }) => atMs > outage);
  expect(probes.length).toBeGreaterThanOrEqual(lasted / MINUTE - 1);
  expect(probes.length).toBeLessThanOrEqual(lasted / MINUTE + 1);

  world.regulator.up = true;
  await world.pass(MINUTE + 30_000);
  const after = world.calls.filter(({ atMs, outcome }) => atMs > outage && outcome === 'accepted');
  const back = after[0]!.atMs;
  const times = after.map(({ atMs }) => atMs);
  expect(times.filter((at) => at < back + 1_000).length).toBeLessThanOrEqual(1.5 * maxRate);
  expect(busiestSecond(times)).toBeLessThanOrEqual(maxRate + 3); // the way to the regulator takes 5 to 25 ms
  expect(times.filter((at) => at > back + 10_000).length).toBeGreaterThan(
    0.95 * maxRate * ((times.at(-1)! - back) / 1_000 - 11),
  );
}, 900_000);

test('a rate that is not used does not grow, and leaves no burst behind', async () => {
  await using world = await openPaceWorld({ startRate: 20 });
  await world.pass(10 * MINUTE);
  const wish = { wanted: 100, successes: 0, probing: false };
  expect(await world.gate.takeSlots({ ...wish, maxWaitMs: 1_000 })).toMatchObject({
    given: 21,
    firstInMs: 0,
    everyMs: 50,
  });
  expect(await world.gate.takeSlots({ ...wish, maxWaitMs: 1_000 })).toMatchObject({ given: 0 });
  expect(await world.gate.takeSlots({ ...wish, maxWaitMs: 1_100, wanted: 1 })).toMatchObject({
    given: 1,
    firstInMs: 1_050,
  });
});

test('when nothing helps, the whole cluster waits as long as it is asked to, within reason', async () => {
  await using world = await openPaceWorld({ startRate: 20 });
  const wish = { wanted: 1, successes: 0, probing: false, maxWaitMs: 700_000 };
  for (let cutNo = 0; cutNo < 6; cutNo++) {
    expect((await world.gate.takeSlots(wish)).cutNo).toBe(cutNo);
    expect(await world.gate.cut(cutNo, Number.POSITIVE_INFINITY)).toBeLessThan(20);
    expect(await world.gate.cut(cutNo, Number.POSITIVE_INFINITY)).toBeNull(); // lowered already
  }
  expect((await world.gate.takeSlots(wish)).firstInMs).toBe(600_000);
});

const WAITING = 20_000;
const CHANGED_THEIR_MIND = 16_000;

/** People who came on line one after another in the last two hours; the first is the freshest. Four in five have gone off again since. */
async function fillWaiting(world: Awaited<ReturnType<typeof openDeliveryWorld>>): Promise<void> {
  const { db } = world;
  for (let i = 1; i <= WAITING; i++) {
    world.regulator.registry.put(String(i), `licence ${i}`);
    world.place(`p/${i}`, INSIDE);
  }
  await sql`insert into deptrans.persons (driver_license_pd_id) select 'person' || i from generate_series(1, ${WAITING}::int) i order by i`.execute(
    db,
  );
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, categories)
    select 'p', substr(driver_license_pd_id, 7), driver_license_pd_id, person_no, '{econom}' from deptrans.persons`.execute(
    db,
  );
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at)
    select driver_license_pd_id, person_no, substr(driver_license_pd_id, 7), deptrans.now() from deptrans.persons`.execute(
    db,
  );
  await sql`insert into deptrans.driver_states (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
    select 'p', i::text, case when i % 5 = 0 then 'online' else 'offline' end, case when i % 5 = 0 then at end, at, 1, i, at
      from (select i, deptrans.now() - i * interval '0.36 s' as at from generate_series(1, ${WAITING}::int) i) e`.execute(
    db,
  );
  await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event)
    select park_id, driver_id, status, event_at, event_at, true from deptrans.driver_states`.execute(db);
  await sql`insert into deptrans.reports (deptrans_id, due_at) select driver_id, event_at from deptrans.driver_states`.execute(
    db,
  );
  await sql`analyze`.execute(db);
}

test('G11, 20,000 of 400,000 waiting: the freshest first with a share for the oldest, what is superseded never', async () => {
  await using world = await openDeliveryWorld({ limits: { batch: 200, maxInFlight: 200, maxRate: 2_000 } });
  await fillWaiting(world);
  await world.regulator.availability.set('refused');
  await world.delivery.runOnce();
  await world.regulator.availability.set('up');
  await world.advance(MINUTE + 1_000);
  world.delivery.start();
  const count = async () =>
    Number((await sql<{ n: number }>`select count(*) as n from deptrans.status_queue`.execute(world.db)).rows[0]!.n);
  await until(async () => (await count()) === 0, 'nobody waits', 600_000);

  const calls = world.regulator.calls.all().filter(({ kind }) => kind === 'status');
  const ids = calls.map(({ driverId }) => Number(driverId));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBe(WAITING - CHANGED_THEIR_MIND);
  expect(ids.filter((id) => id % 5 !== 0)).toEqual([]);
  const early = ids.slice(0, 1_000);
  const [fresh, old] = [early.filter((id) => id <= WAITING / 2).length, early.filter((id) => id > WAITING / 2).length];
  expect(fresh).toBeGreaterThan(0.7 * early.length);
  expect(old).toBeGreaterThan(0.1 * early.length);
}, 900_000);
