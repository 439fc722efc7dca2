import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { OUTCOME_WORDS } from '../../src/api/reason-words.ts';
import { areaOf } from '../../src/domain/region.ts';
import { policyToStore } from '../../src/enforcement/enforcement.ts';
import { readBalance } from '../../src/store/balance.ts';
import { putPolicy } from '../../src/store/policies.ts';
import { INSIDE, OUTSIDE, square } from '../support/delivery-world.ts';
import { openExplainWorld } from '../support/explain-world.ts';

type World = Awaited<ReturnType<typeof openExplainWorld>>;

const ID = '9901123456';
const PERSON = 'token-of-ann';
const SECOND = 1_000;
const DAY = 86_400_000;

const ago = (world: World, ms: number) => new Date(world.now().getTime() - ms);

/** Ann drives by p/1 inside the region, with an id. */
async function withAnn(options: Parameters<typeof openExplainWorld>[0] = {}): Promise<World> {
  const world = await openExplainWorld(options);
  await world.person(PERSON, 'p/1');
  await world.setId('p/1', ID);
  world.place('p/1', INSIDE);
  return world;
}

const connect = (world: World) => world.take('p/1', ['online', world.now()]);

/** What leads to each bucket of the balance, and what the newest event of p/1 is told to have come to. */
const BUCKETS: Record<string, { given(world: World): Promise<unknown>; reason: string; text: string }> = {
  sent: {
    async given(world) {
      await connect(world);
      await world.delivery.runOnce();
    },
    reason: '',
    text: 'The regulator accepted a report for it.',
  },
  merged: {
    async given(world) {
      await world.take('p/1', ['online', ago(world, 30 * SECOND)]);
      await world.take('p/1', ['offline', ago(world, 20 * SECOND)], ['online', ago(world, 10 * SECOND)]);
    },
    reason: '',
    text: 'A newer event of the same profile took its place',
  },
  no_change: {
    async given(world) {
      await connect(world);
      await world.delivery.runOnce();
      await world.take('p/1', ['busy', world.now()]);
    },
    reason: '',
    text: 'The regulator already knew.',
  },
  filtered: {
    async given(world) {
      world.place('p/1', OUTSIDE);
      await connect(world);
      await world.delivery.runOnce();
    },
    reason: 'outside',
    text: 'The driver was outside every region',
  },
  pending: {
    async given(world) {
      await world.regulator.availability.set('refused');
      await connect(world);
      await world.delivery.runOnce();
    },
    reason: 'regulator_down',
    text: 'The regulator does not answer.',
  },
  parked: {
    async given(world) {
      world.regulator.registry.block(ID, Number.POSITIVE_INFINITY);
      await connect(world);
      await world.delivery.runOnce();
    },
    reason: 'driver_blocked',
    text: 'The regulator has blocked the driver.',
  },
  expired: {
    async given(world) {
      await world.take('p/1', ['online', ago(world, 2 * DAY)]);
      await world.delivery.runOnce();
    },
    reason: '',
    text: 'older than a day when it left the queue',
  },
  quarantined: {
    given: (world) => world.take('p/1', ['online', ago(world, -DAY)]),
    reason: 'TIME_IN_FUTURE',
    text: 'more than a minute ahead',
  },
  duplicate: {
    async given(world) {
      const at = ago(world, 10 * SECOND);
      await world.take('p/1', ['online', at]);
      await world.take('p/1', ['online', at]);
    },
    reason: '',
    text: 'It was known already.',
  },
  outdated: {
    async given(world) {
      await connect(world);
      await world.take('p/1', ['offline', ago(world, 60 * SECOND)]);
    },
    reason: '',
    text: 'Something newer was known of the profile.',
  },
};

/** Where the balance has something. */
async function bucketsOf({ db }: World): Promise<string[]> {
  const { ended, waiting, difference } = await readBalance(db);
  expect(difference).toBe(0);
  return [...ended.map((end) => end.outcome), ...waiting.map(({ parked }) => (parked ? 'parked' : 'pending'))];
}

test('every bucket of the balance has its case', () => {
  expect(Object.keys(BUCKETS).sort()).toEqual([...Object.keys(OUTCOME_WORDS), 'pending', 'parked'].sort());
});

test.each(Object.entries(BUCKETS))(
  'an event that ends as %s, or waits so, is told',
  async (outcome, { given, reason, text }) => {
    await using world = await withAnn();
    await given(world);
    expect(await bucketsOf(world)).toContain(outcome);
    const { events } = await world.explain('p/1');
    const told = events.filter((event) => event.outcome === outcome);
    expect(told.length).toBeGreaterThan(0);
    for (const event of told) expect([event.reason, event.text]).toEqual([reason, expect.stringContaining(text)]);
    expect(events.filter((event) => event.outcome === '')).toEqual([]);
  },
);

test('rules that pass the driver over are told with why, each', async () => {
  await using world = await withAnn();
  await connect(world);
  await world.delivery.runOnce();
  const check = Check.DEPTRANS_ID;
  const mode = EnforcementMode.BLOCK;
  const rules = [
    { check, mode, effectiveFrom: timestampFromDate(ago(world, -DAY)) },
    { check, mode, exclude: { parkIds: ['p'] } },
    { check, mode, share: 0, include: { parkIds: ['q'] } },
    { check, mode, graceAfterBinding: durationFromMs(DAY) },
    { check, mode: EnforcementMode.WARN },
    { check, mode },
  ];
  const policy = policyToStore(create(PolicySchema, { regions: [{ region: 'moscow', rules }] }));
  await putPolicy(world.db, { base: 0, policy, author: 'ann', reason: 'all kinds' });
  const { details, allowed } = await world.explain('p/1');
  expect(allowed).toBe(true);
  expect(details.filter((text) => /^Rule|^DEPTRANS_ID/.test(text))).toEqual([
    'DEPTRANS_ID: PASS, nothing stands against the driver. Mode WARN: rule 4 of the region moscow in version 1 of the policy.',
    'Rule 0 (DEPTRANS_ID, BLOCK) is not in effect yet.',
    'Rule 1 (DEPTRANS_ID, BLOCK) excludes the driver.',
    'Rule 2 (DEPTRANS_ID, BLOCK) is for a share of the people that the driver is not in.',
    'Rule 3 (DEPTRANS_ID, BLOCK) spares the driver, whose id was bound less than its grace ago.',
  ]);
});

test('each region judges by its own policy, and tells the hour by its own clocks', async () => {
  const ring = square.area.rings[0]!.map(([lon, lat]): [number, number] => [lon + 2, lat]);
  const tver = { ...square, id: 'tver', tariffs: ['econom'], area: areaOf([ring]), timeZone: 'Asia/Yekaterinburg' };
  await using world = await withAnn({ regions: [{ ...square, timeZone: 'Europe/Moscow' }, tver] });
  await world.person('token-of-bob', 'p/2');
  await world.setId('p/2', '9901123457');
  world.place('p/2', { lon: INSIDE.lon + 2, lat: INSIDE.lat });
  for (const status of ['online', 'offline'] as const) {
    for (const profile of ['p/1', 'p/2']) await world.take(profile, [status, world.now()]);
    await world.delivery.runOnce();
  }
  const rule = (mode: EnforcementMode) => [{ check: Check.SESSION, mode }];
  const regions = [
    { region: 'moscow', rules: rule(EnforcementMode.BLOCK) },
    { region: 'tver', rules: rule(EnforcementMode.WARN) },
  ];
  const policy = policyToStore(create(PolicySchema, { regions }));
  await putPolicy(world.db, { base: 0, policy, author: 'ann', reason: 'city by city' });
  const told = async (profile: string) => {
    const { allowed, summary, shift, details } = await world.explain(profile);
    return [allowed, shift?.region, summary.split('. ')[0], /\((.*)\)\.$/.exec(details.at(-1)!)?.[1]];
  };
  expect(await told('p/1')).toEqual([
    false,
    'moscow',
    'The driver gets no new orders: SESSION fails (session_ended), mode BLOCK',
    'Europe/Moscow',
  ]);
  expect(await told('p/2')).toEqual([
    true,
    'tver',
    'No check keeps the driver from orders: SESSION fails (session_ended), mode WARN',
    'Asia/Yekaterinburg',
  ]);
});
