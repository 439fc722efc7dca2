import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Check, EnforcementMode, VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverId_State } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { openDiagnosticsService } from '../../src/api/diagnostics-service.ts';
import { FeedRefusal } from '../../src/feed/refusal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { openEdge, transports } from '../support/edge.ts';
import { clientsOf, type FeedApi, openFeedApi, REGIONS, servicesOf } from '../support/feed/api.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { addPeople, moveProfiles, setBindings, setSessions } from '../support/feed/world.ts';
import { inForceIn, observing, TEXTS } from '../support/policy.ts';

let database: TestDatabase;
let api: FeedApi;

/** People by what is known of them; their numbers are given in order, from 1. */
const PEOPLE = [
  'good',
  'unbound',
  'rejected',
  'recheck',
  'idle',
  'ended',
  'finished',
  'odd',
  'elsewhere',
  'unlicensed',
  'gone',
];
const no = (name: string) => PEOPLE.indexOf(name) + 1;
const ref = (name: string) => ({ parkId: `park-${no(name) % 10}`, driverId: `driver-${no(name)}-1` });

beforeAll(async () => {
  database = await openTestDatabase();
  const { db } = database;
  await addPeople(db, PEOPLE.length);
  await setBindings(db, PEOPLE.map(no));
  for (const state of ['unbound', 'rejected', 'recheck']) await setBindings(db, [no(state)], state);
  await setSessions(db, ['good', 'unbound', 'rejected', 'recheck'].map(no));
  await setSessions(db, [no('ended')], { endsInMs: -1_000 });
  await setSessions(db, [no('finished')], { status: 'finished' });
  await setSessions(db, [no('odd')], { status: 'unrecognised', raw: 'ПАУЗА' });
  await setSessions(db, [no('elsewhere')], { region: 'omsk' });
  await moveProfiles(db, no('unlicensed'), null);
  await moveProfiles(db, no('gone'), null, true);
  api = await openFeedApi(db);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const name = (words: object, value: number) => Object.entries(words).find(([, v]) => v === value)?.[0];

async function check(driver: string, order: { region?: string; categories?: string[] } = {}): Promise<string[]> {
  const { verdicts } = await api.diagnostics.checkDriver({ ...ref(driver), ...order });
  expect(verdicts.map((v) => [v.check, v.allowCurrentOrder])).toEqual([
    [Check.DEPTRANS_ID, true],
    [Check.SESSION, true],
  ]);
  return verdicts.map((v) => `${name(VerdictOutcome, v.outcome)} ${name(VerdictReason, v.reason)} ${v.region}`.trim());
}

const PASS = 'PASS UNSPECIFIED moscow';
const NOT_REQUIRED = ['PASS NOT_REQUIRED', 'PASS NOT_REQUIRED'];
const UNKNOWN = ['UNKNOWN PROFILE_UNKNOWN', 'UNKNOWN PROFILE_UNKNOWN'];

test.each([
  ['good', {}, [PASS, PASS]],
  ['good', { region: 'tver' }, ['PASS UNSPECIFIED tver', 'PASS UNSPECIFIED tver']],
  ['good', { region: 'omsk' }, NOT_REQUIRED],
  ['good', { categories: ['vip'] }, ['PASS NOT_REQUIRED moscow', 'PASS NOT_REQUIRED moscow']],
  ['good', { categories: ['vip', 'business'] }, [PASS, PASS]],
  ['good', { region: 'tver', categories: ['business'] }, ['PASS NOT_REQUIRED tver', 'PASS NOT_REQUIRED tver']],
  ['unbound', {}, ['FAIL NO_ID moscow', PASS]],
  ['rejected', {}, ['FAIL ID_REJECTED moscow', PASS]],
  ['recheck', {}, ['UNKNOWN ID_RECHECK moscow', PASS]],
  ['idle', {}, NOT_REQUIRED],
  ['idle', { region: 'moscow' }, [PASS, 'FAIL NO_SESSION moscow']],
  ['ended', {}, [PASS, 'FAIL SESSION_ENDED moscow']],
  ['finished', {}, [PASS, 'FAIL SESSION_ENDED moscow']],
  ['odd', {}, [PASS, 'UNKNOWN SESSION_STATE_UNKNOWN moscow']],
  ['elsewhere', {}, NOT_REQUIRED],
  ['elsewhere', { region: 'moscow' }, [PASS, PASS]],
  ['unlicensed', { region: 'moscow' }, ['UNKNOWN PERSON_UNKNOWN moscow', 'UNKNOWN PERSON_UNKNOWN moscow']],
  ['gone', { region: 'moscow' }, UNKNOWN],
])('%s, order %o', async (driver, order, expected) => {
  expect(await check(driver, order)).toEqual(expected);
});

test('a verdict says since when, and until when', async () => {
  const { verdicts, freshness } = await api.diagnostics.checkDriver(ref('good'));
  const [id, session] = verdicts;
  expect(Math.abs(timestampMs(id!.since!) - Date.now())).toBeLessThan(600_000);
  expect(id!.until).toBeUndefined();
  expect(timestampMs(session!.until!) - timestampMs(session!.since!)).toBeCloseTo(3_600_000, -5);
  expect(Number(freshness!.sourceAgeMs)).toBeLessThan(60_000);
  expect(freshness!.throughSeq).toBe(BigInt(api.feed.head()));
});

test('a batch keeps its order, with strangers among them', async () => {
  const drivers = ['good', 'idle', 'unbound', 'good'].map(ref);
  drivers.splice(2, 0, { parkId: 'no', driverId: 'body' });
  const { results, freshness } = await api.diagnostics.checkDrivers({ drivers, region: 'moscow' });
  expect(results.map(({ driver }) => driver)).toMatchObject(drivers);
  const session = results.map(({ verdicts }) => name(VerdictReason, verdicts[1]!.reason));
  expect(session).toEqual(['UNSPECIFIED', 'NO_SESSION', 'PROFILE_UNKNOWN', 'UNSPECIFIED', 'UNSPECIFIED']);
  expect(freshness!.throughSeq).toBeGreaterThan(0n);
});

test('ids of a batch: each state, in order, in full, with strangers and the gone among them', async () => {
  const names = ['good', 'unbound', 'rejected', 'recheck', 'unlicensed', 'gone', 'idle'];
  const drivers = [...names.map(ref), { parkId: 'no', driverId: 'body' }];
  const { results, freshness } = await api.diagnostics.getDriverIds({ drivers });
  expect(results.map(({ driver }) => driver)).toMatchObject(drivers);
  const said = results.map(({ known, id }) => (known ? [name(DriverId_State, id!.state), id!.deptransId] : id));
  const idOf = (one: string) => String(100_000 + no(one));
  expect(said).toEqual([
    ['BOUND', idOf('good')],
    ['NOT_BOUND', ''],
    ['REJECTED', idOf('rejected')],
    ['RECHECK_NEEDED', idOf('recheck')],
    ['NOT_BOUND', ''],
    undefined,
    ['BOUND', idOf('idle')],
    undefined,
  ]);
  expect(freshness!.throughSeq).toBe(BigInt(api.feed.head()));
  expect((await api.diagnostics.getDriverIds({ drivers: thousand })).results).toHaveLength(1_000);
});

test.each(Object.entries(transports))('over %s it is the same', async (_name, make) => {
  const { diagnostics } = clientsOf(make(api.url));
  const asked = { ...ref('ended'), region: 'moscow' };
  const { verdicts } = await diagnostics.checkDriver(asked);
  expect(verdicts).toEqual((await api.diagnostics.checkDriver(asked)).verdicts);
});

const thousand = Array.from({ length: 1_000 }, () => ref('good'));

test('the greatest batch is answered', async () => {
  const { results } = await api.diagnostics.checkDrivers({ drivers: thousand });
  expect(results).toHaveLength(1_000);
});

test.each([
  ['no park', { driverId: 'd' }, 'InvalidArgument REQUEST_MALFORMED'],
  ['no driver', { parkId: 'p' }, 'InvalidArgument REQUEST_MALFORMED'],
  ['a long park', { parkId: 'п'.repeat(33), driverId: 'd' }, 'InvalidArgument REQUEST_MALFORMED'],
  ['an unknown region', { ...ref('good'), region: 'atlantis' }, 'InvalidArgument FILTER_UNKNOWN'],
])('%s is refused', async (_name, request, refusal) => {
  expect(await refusalOf(api.diagnostics.checkDriver(request))).toBe(refusal);
});

test.each([
  ['none', [], 'InvalidArgument LIMIT_OUT_OF_RANGE'],
  ['too many', [...thousand, ref('good')], 'InvalidArgument LIMIT_OUT_OF_RANGE'],
  ['a bad one among good ones', [ref('good'), { parkId: '', driverId: 'd' }], 'InvalidArgument REQUEST_MALFORMED'],
])('a batch of %s is refused', async (_name, drivers, refusal) => {
  expect(await refusalOf(api.diagnostics.checkDrivers({ drivers }))).toBe(refusal);
  expect(await refusalOf(api.diagnostics.getDriverIds({ drivers }))).toBe(refusal);
});

test('an old copy says that it is old; none at all is refused', async () => {
  const feed = {
    lookup: (): null => null,
    lookupId: (): null => null,
    head: () => 7,
    sourceAgeMs: () => 60_000.5,
  };
  const service = (changed: Partial<typeof feed>) =>
    openDiagnosticsService({
      feed: { ...feed, ...changed },
      inForce: () => observing(REGIONS),
      texts: TEXTS,
      clock: systemClock,
    });
  const over = async (changed: Partial<typeof feed>) => {
    const edge = await openEdge({ diagnostics: service(changed) });
    const { diagnostics } = clientsOf(transports['Connect binary, HTTP/1.1']!(edge.url));
    return { diagnostics, [Symbol.asyncDispose]: () => edge.close(0) };
  };
  await using old = await over({});
  const { verdicts, freshness } = await old.diagnostics.checkDriver({ ...ref('good'), region: 'moscow' });
  expect(verdicts.map((v) => name(VerdictReason, v.reason))).toEqual(['DATA_TOO_OLD', 'DATA_TOO_OLD']);
  expect(freshness!.sourceAgeMs).toBe(60_001n);

  const lookup = () => {
    throw new FeedRefusal('SERVICE_DEGRADED');
  };
  await using empty = await over({ lookup, sourceAgeMs: () => Number.POSITIVE_INFINITY });
  expect(await refusalOf(empty.diagnostics.checkDriver(ref('good')))).toBe('Unavailable SERVICE_DEGRADED');
});

test.each([
  ['OBSERVE', true, ''],
  ['WARN', true, 'Ваша смена'],
  ['DEPRIORITISE', true, 'Ваша смена'],
  ['BLOCK', false, 'Ваша смена'],
] as const)('in the mode %s', async (mode, allowed, text) => {
  const rules = [{ check: Check.SESSION, mode: EnforcementMode[mode], categories: ['econom'] }];
  const inForce = inForceIn(REGIONS, { version: 3n, policy: { regions: [{ region: 'moscow', rules }] } });
  const edge = await openEdge(servicesOf(api.feed, () => inForce));
  try {
    const { diagnostics } = clientsOf(transports['Connect JSON, HTTP/1.1']!(edge.url));
    const said = await diagnostics.checkDriver({ ...ref('ended'), categories: ['econom'] });
    const [id, session] = said.verdicts;
    expect(said).toMatchObject({ allowed, policyVersion: 3n });
    expect(id).toMatchObject({ outcome: VerdictOutcome.PASS, mode: EnforcementMode.OBSERVE, text: '', action: '' });
    expect(id!.rule).toBeUndefined();
    expect(session).toMatchObject({ outcome: VerdictOutcome.FAIL, mode: EnforcementMode[mode], rule: 0 });
    expect(session!.text.startsWith(text)).toBe(true);
    expect([session!.text === '', session!.action]).toEqual([text === '', text === '' ? '' : 'rest']);
    const english = await diagnostics.checkDriver(ref('ended'), { headers: { 'accept-language': 'en-GB, ru;q=0.5' } });
    expect(english.verdicts[1]!.text).toBe(text === '' ? '' : TEXTS.session_ended.en);
    const elsewhere = await diagnostics.checkDriver({ ...ref('ended'), categories: ['business'] });
    expect(elsewhere).toMatchObject({ allowed: true });
  } finally {
    await edge.close(0);
  }
});

test('a batch is judged by one policy, and says whom it lets through', async () => {
  const rules = [{ check: Check.SESSION, mode: EnforcementMode.BLOCK }];
  let version = 0n;
  const inForce = () => {
    version += 1n;
    return inForceIn(REGIONS, { version, policy: { regions: [{ region: 'moscow', rules }] } });
  };
  const edge = await openEdge(servicesOf(api.feed, inForce));
  try {
    const { diagnostics } = clientsOf(transports['gRPC binary, HTTP/2']!(edge.url));
    const drivers = ['good', 'ended', 'odd', 'unbound'].map(ref);
    const said = await diagnostics.checkDrivers({ drivers });
    expect(said.policyVersion).toBe(1n);
    expect(said.results.map(({ allowed }) => allowed)).toEqual([true, false, true, true]);
  } finally {
    await edge.close(0);
  }
});
