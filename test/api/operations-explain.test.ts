import { toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ExplainResponse_Standing, ExplainResponseSchema } from '../../gen/deptrans/v1/operations_pb.ts';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { putRules } from '../../src/store/rules.ts';
import { INSIDE, OUTSIDE, square } from '../support/delivery-world.ts';
import { openOperationsWorld } from '../support/operations-world.ts';

const ID = '9901123456';
const PERSON = 'token-of-ann';

const STANDINGS = Object.keys(ExplainResponse_Standing);

type World = Awaited<ReturnType<typeof openOperationsWorld>>;

/** Asks about p/1; checks on the way that no id and no token is told. */
async function explain(world: World) {
  const answer = await world.ops.explain({ driver: { parkId: 'p', driverId: '1' } });
  const text = toJsonString(ExplainResponseSchema, answer);
  expect(text).not.toContain(ID);
  expect(text).not.toContain(PERSON);
  const { standing, reason } = answer;
  return { answer, told: `${STANDINGS[standing]} ${reason}`.trim(), all: answer.details.join('\n') };
}

/** Ann drives by p/1 with an id, and has come on line. */
async function openAnn(point: { lon: number; lat: number } | null = INSIDE, categories = ['econom']) {
  const world = await openOperationsWorld({ limits: { failuresToShut: 1 } });
  await world.person(PERSON, 'p/1', categories);
  await world.bind(PERSON, ID);
  world.place('p/1', point);
  await world.event('p/1', 'online');
  return world;
}

test('a profile that nobody knows is an answer', async () => {
  await using world = await openOperationsWorld();
  const { told, all, answer } = await explain(world);
  expect(told).toBe('UNKNOWN');
  expect(all).toContain('No status event');
  expect([answer.status, answer.account, answer.lastAccepted]).toEqual([0, undefined, undefined]);
});

test('who drives, whether an id is bound, and what waits for that', async () => {
  await using world = await openOperationsWorld();
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect((await explain(world)).told).toBe('PENDING no_person');
  await world.person(PERSON, 'p/1');
  await world.advance(31_000);
  await world.delivery.runOnce();
  const { told, all } = await explain(world);
  expect(told).toBe('FILTERED no_id');
  expect(all).toContain('never entered');
  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  expect((await explain(world)).told).toBe('SETTLED');
});

test('a driver who is reported: before, after, and with what was last accepted', async () => {
  await using world = await openAnn();
  expect((await explain(world)).told).toBe('PENDING queued');
  await world.delivery.runOnce();
  const { told, answer, all } = await explain(world);
  expect(told).toBe('SETTLED');
  expect(answer).toMatchObject({
    summary: 'The driver is connected, and the regulator knows.',
    status: ContractorStatus.ONLINE,
    account: { deptransId: '***56', connected: true, doubt: false, region: 'moscow', parkedReason: '' },
    lastAccepted: { connected: true, region: 'moscow' },
  });
  expect(timestampDate(answer.lastAccepted!.happenedAt!)).toEqual(timestampDate(answer.statusAt!));
  expect(all).toContain('The regulator last accepted "connected" in moscow');
  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  const after = await explain(world);
  expect([after.told, after.answer.lastAccepted?.connected]).toEqual(['SETTLED', false]);
  expect(after.answer.summary).toContain('No profile of the person is on line');
});

test.each([
  ['FILTERED outside', OUTSIDE, ['econom']],
  ['PENDING no_position', null, ['econom']],
  ['FILTERED tariff', INSIDE, ['cargo']],
] as const)('%s', async (expected, point, categories) => {
  await using world = await openAnn(point, [...categories]);
  await world.delivery.runOnce();
  expect((await explain(world)).told).toBe(expected);
});

test('a region that is off, and an open driver who must be closed for it', async () => {
  await using world = await openAnn();
  await world.delivery.runOnce();
  await putRules(world.db, [{ ...square, on: false }]);
  expect((await explain(world)).told).toBe('PENDING queued');
  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect((await explain(world)).told).toBe('FILTERED region_off');
});

test('a refusal for good is told with how long it holds', async () => {
  await using world = await openAnn();
  world.regulator.registry.block(ID, Number.POSITIVE_INFINITY);
  await world.delivery.runOnce();
  const { told, answer, all } = await explain(world);
  expect(told).toBe('PARKED driver_blocked');
  expect(answer.summary).toBe('The regulator has blocked the driver.');
  expect(answer.account).toMatchObject({ parkedReason: 'driver_blocked', connected: false });
  expect(all).toMatch(/Refused 1 times in a row, parked \(driver_blocked\) until \d{4}-/);
});

test('an outage and a pause are told with what waits for them', async () => {
  await using world = await openAnn();
  await world.delivery.runOnce();
  await world.regulator.availability.set('refused');
  await world.event('p/1', 'offline');
  await world.delivery.runOnce();
  await world.ops.pauseDelivery({ reason: 'the regulator asked for it' });
  const { told, all } = await explain(world);
  expect(told).toBe('PENDING regulator_down');
  expect(all).toContain('The regulator has not answered since');
  expect(all).toContain('Delivery is paused since');
  expect(all).toContain('by ann@oncall: the regulator asked for it');
});

test('an outcome that is not known', async () => {
  await using world = await openAnn();
  world.regulator.faults.add({ kind: 'reset', applies: true, calls: ['status'], count: 1 });
  await world.delivery.runOnce();
  const { told, all, answer } = await explain(world);
  expect([told, answer.account?.doubt]).toEqual(['PENDING unknown_outcome', true]);
  expect(all).toContain('without our knowing');
});

test('a person with two profiles, and a shift that the regulator has ended', async () => {
  await using world = await openAnn();
  await world.person(PERSON, 'p/2');
  await world.delivery.runOnce();
  world.regulator.registry.endShift(ID, Date.now());
  await world.db
    .updateTable('deptrans.reports')
    .set({ verify_at: new Date(0), due_at: new Date(0) })
    .execute();
  await world.delivery.runOnce();
  const { told, all, answer } = await explain(world);
  expect(told).toBe('SETTLED');
  expect(answer.summary).toContain('ended the shift');
  expect(all).toContain('The person has 2 profiles, 1 of them on line');
});
