import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDrift } from '../../src/delivery/drift.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { readDifferences, verifyOne } from '../../src/store/drift.ts';
import { closeGate, openGate } from '../../src/store/gate.ts';
import { INSIDE, openDeliveryWorld } from '../support/delivery-world.ts';

const PER_DAY = 1_000;
const HOUR = 3_600_000;

type World = Awaited<ReturnType<typeof openDeliveryWorld>>;

/** Ann by id 7 and Bob by id 8, both on line and reported. */
async function openTwo(): Promise<World> {
  const world = await openDeliveryWorld();
  for (const [person, profile, id] of [
    ['ann', 'p/1', '7'],
    ['bob', 'p/2', '8'],
  ] as const) {
    await world.person(person, profile);
    await world.bind(person, id);
    world.place(profile, INSIDE);
    await world.event(profile, 'online');
  }
  await world.delivery.runOnce();
  return world;
}

/** Two instances of drift over a clock of the test's, a round of each a second; what is due is taken for read at once. */
function openPair({ db, metrics }: World) {
  let ms = 0;
  const clock = { ...systemClock, monotonic: () => ms };
  const parts = { db, regulator: 'moscow', perDay: PER_DAY, clock, metrics };
  const pair = ['one', 'two'].map((instance) => openDrift({ ...parts, instance }));
  return {
    async pass(until: number) {
      for (; ms < until; ms += 10_000) {
        for (const { round } of pair) await round();
        await sql`update deptrans.reports set verify_at = null, due_at = null where verify_at is not null`.execute(db);
      }
    },
    async compared() {
      const { values } = await metrics.registry.getSingleMetric('deptrans_delivery_compared_total')!.get();
      return Number(values[0]?.value ?? 0);
    },
  };
}

test('1,000 accounts a day are compared, by all instances together; what an hour without spare rate left out is made up for (4 of 24 hours)', async () => {
  await using world = await openTwo();
  const drift = openPair(world);
  await drift.pass(HOUR);
  expect(await drift.compared()).toBeCloseTo(PER_DAY / 24, -0.5);
  await world.event('p/1', 'offline'); // somebody waits …
  await sql`update deptrans.reports set due_at = deptrans.now() - interval '2 s' where deptrans_id = '7'`.execute(
    world.db,
  );
  const before = await drift.compared();
  await drift.pass(2 * HOUR);
  expect(await drift.compared()).toBe(before);
  await world.delivery.runOnce(); // … and does no more
  await drift.pass(4 * HOUR);
  expect(await drift.compared()).toBeCloseTo((4 * PER_DAY) / 24, -0.5);
});

test('nobody is compared while somebody waits or the regulator is away', async () => {
  await using world = await openTwo();
  await openGate(world.db, 'moscow', 60_000);
  expect(await verifyOne(world.db, 'moscow', 0)).toBeNull();
  await closeGate(world.db, 'moscow');
  await sql`update deptrans.reports set due_at = deptrans.now() - interval '2 s' where deptrans_id = '8'`.execute(
    world.db,
  );
  expect(await verifyOne(world.db, 'moscow', 0)).toBeNull();
  await world.delivery.runOnce();
  expect(await verifyOne(world.db, 'moscow', 0)).toBe('7');
});

test('an account that differs is mended, counted and listed', async () => {
  await using world = await openTwo();
  await sql`update deptrans.reports set believed = false where deptrans_id = '8'`.execute(world.db); // a belief gone wrong
  for (const [share, id] of [
    [0, '7'],
    [0.99, '8'],
  ] as const) {
    expect(await verifyOne(world.db, 'moscow', share)).toBe(id);
    await world.delivery.runOnce();
  }
  const text = await world.metrics.registry.metrics();
  expect(text).toContain('deptrans_delivery_readings_total{result="as_believed"} 1');
  expect(text).toContain('deptrans_delivery_readings_total{result="differs"} 1');
  expect((await world.account('8')).believed).toBe(true);
  expect(world.history('8')).toEqual(['opened']);
  const due = await world.db.selectFrom('deptrans.reports').select('verify_at').execute();
  expect(due.map((row) => row.verify_at)).toEqual([null, null]);
  expect(await readDifferences(world.db, Number.MAX_SAFE_INTEGER, 10)).toMatchObject([
    {
      connected: true,
      sessionStatus: expect.stringMatching(/issued|online/),
      drivers: [{ parkId: 'p', driverId: '2' }],
    },
  ]);
});
