import { timestampDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { INSIDE } from '../support/delivery-world.ts';
import { openOperationsWorld } from '../support/operations-world.ts';

test('an empty service has a status', async () => {
  await using world = await openOperationsWorld();
  const status = await world.ops.status({});
  expect(status).toMatchObject({
    regulator: { up: true, probes: 0 },
    oldestPending: { seconds: 0n, nanos: 0 },
    balance: { taken: 0n, ended: [], pending: [], parked: [], difference: 0n },
    mirror: [
      { stream: 'profiles', complete: false, reloading: false },
      { stream: 'categories', complete: false },
    ],
    regions: [{ region: 'moscow', on: true, openAccounts: 0n }],
    feed: { headSeq: 0n },
  });
  expect([status.pause, status.regulator!.since, status.regulator!.allowedRate, status.mirror[0]!.age]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('the status tells where events are, how old the copies are, and since when the regulator is away', async () => {
  await using world = await openOperationsWorld({ limits: { failuresToShut: 1 } });
  const { db } = world;
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.event('p/none', 'online');
  await sql`insert into deptrans.topic_offsets (topic, partition, generation, topic_id, next_offset, taken)
    values ('t', 0, 1, 'one', 2, 2)`.execute(db);
  await sql`insert into deptrans.mirror_streams (stream, complete, confirmed_at)
    values ('profiles', true, deptrans.now() - interval '1 minute')`.execute(db);
  await world.delivery.runOnce();

  const before = await world.ops.status({});
  expect(before).toMatchObject({
    balance: { taken: 2n, ended: [{ outcome: 'sent', reason: '', count: 1n }], difference: 0n },
    regulator: { up: true },
    regions: [{ openAccounts: 1n }],
  });
  expect(before.balance!.pending).toMatchObject([{ reason: 'no_person', count: 1n }]);
  expect(Number(before.mirror[0]!.age!.seconds)).toBeGreaterThanOrEqual(60);
  expect(before.feed!.headSeq).toBeGreaterThan(0n);
  expect(before.feed!.headAt).toBeDefined();

  await world.regulator.availability.set('refused');
  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  await world.advance(61_000);
  await world.delivery.runOnce();
  const away = await world.ops.status({});
  expect(away.regulator).toMatchObject({ up: false });
  expect(away.regulator!.probes).toBeGreaterThanOrEqual(1);
  expect(timestampDate(away.at!).getTime() - timestampDate(away.regulator!.since!).getTime()).toBeGreaterThan(60_000);
  expect(Number(away.oldestPending!.seconds)).toBeGreaterThanOrEqual(61);
  expect(away.balance!.pending.map(({ reason }) => reason)).toContain('regulator_down');

  await world.regulator.availability.set('up');
  await world.advance(61_000);
  await world.delivery.runOnce();
  const back = await world.ops.status({});
  expect(back.regulator).toMatchObject({ up: true, probes: 0 });
  expect(timestampDate(back.regulator!.since!) > timestampDate(away.at!)).toBe(true);
});
