import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openGauges } from '../../src/maintenance/gauges.ts';
import { batchOf } from '../intake/support.ts';
import { INSIDE } from '../support/delivery-world.ts';
import { openOperationsWorld } from '../support/operations-world.ts';

/** Three events: one reported, one of a profile nobody knows, one that cannot be read. */
async function openThree() {
  const world = await openOperationsWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.intake.takeBatch(batchOf(0, ['p/1 online 1', 'p/none online 1', Buffer.from('nonsense')]));
  await world.delivery.runOnce();
  return world;
}

test('the balance is shown by where events ended and why they wait, and the alarm is 0', async () => {
  await using world = await openThree();
  const gauges = openGauges(world.db, world.metrics);
  await gauges.read();
  const text = await world.metrics.registry.metrics();
  expect(text).toContain('deptrans_balance_taken 3\n');
  expect(text).toContain('deptrans_balance_ended{outcome="sent",reason=""} 1\n');
  expect(text).toContain('deptrans_balance_ended{outcome="quarantined",reason="UNREADABLE"} 1\n');
  expect(text).toContain('deptrans_balance_waiting{state="pending",reason="no_person"} 1\n');
  expect(text).toContain('deptrans_balance_difference 0\n');
});

test.each([
  ['a row that waits', sql`delete from deptrans.status_queue`, 1],
  ['what was counted as ended', sql`delete from deptrans.balance where outcome = 'sent'`, 1],
  ['what was taken', sql`update deptrans.topic_offsets set taken = taken - 2`, -2],
] as const)(
  '%s that is taken away by hand raises the alarm, as a metric and in Status',
  async (_, theft, difference) => {
    await using world = await openThree();
    const gauges = openGauges(world.db, world.metrics);
    await gauges.read();
    await theft.execute(world.db);
    await gauges.read();
    expect(await world.metrics.registry.metrics()).toContain(`deptrans_balance_difference ${difference}\n`);
    expect((await world.ops.status({})).balance!.difference).toBe(BigInt(difference));
  },
);

test('what waits grows older, and changes of licence that wait are counted: those that are to be asked about', async () => {
  await using world = await openThree();
  const gauges = openGauges(world.db, world.metrics);
  const read = async (name: string) => {
    await gauges.read();
    const text = await world.metrics.registry.getSingleMetricAsString(name);
    return Number(/^\w+ (\S+)$/m.exec(text)![1]);
  };
  const before = await read('deptrans_oldest_pending_seconds');
  await world.advance(600_000);
  expect(await read('deptrans_oldest_pending_seconds')).toBeGreaterThanOrEqual(before + 600);
  expect(await read('deptrans_licence_changes_waiting')).toBe(0);
  await sql`insert into deptrans.licence_changes (driver_license_pd_id, former, changed_at, due_at)
    values ('new', 'old', deptrans.now(), deptrans.now()), ('other', 'old', deptrans.now(), null)`.execute(world.db);
  expect(await read('deptrans_licence_changes_waiting')).toBe(1);
});
