import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Check, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { SupplyService, SupplyStep } from '../../gen/deptrans/v1/supply_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { openSupplyService } from '../../src/api/supply-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { writeSupplyHistory, writingSupplyNow } from '../../src/store/supply-figures.ts';
import type { RegionFigures } from '../../src/supply/supply.ts';
import { openTestDatabase } from '../support/database.ts';
import { openEdge } from '../support/edge.ts';
import { REGIONS } from '../support/policy-world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 0, 10, 12);

/** So many people are connected all the time, of whom so many fail for want of an id, and so many are blocked. */
function figures(connected: number, failing: number, blocked: number, ms: number): RegionFigures {
  const sum = (people: number) => ({ people, ms: people * ms });
  const reasons = [
    { check: 'deptrans_id' as const, reason: 'no_id' as const, people: sum(failing), blocked: sum(blocked) },
    { check: 'deptrans_id' as const, reason: 'ok' as const, people: sum(connected - failing), blocked: sum(0) },
  ];
  const sums = { connected: sum(connected), failing: sum(failing), unknown: sum(0), blocked: sum(blocked) };
  return [{ category: '', ...sums, reasons }];
}

async function openSupplyApi() {
  const stack = new AsyncDisposableStack();
  const { db } = stack.use(await openTestDatabase());
  const edge = await openEdge(
    {
      supply: openSupplyService({
        db,
        regions: REGIONS,
        previews: { ask: () => Promise.resolve(null) },
        clock: systemClock,
      }),
    },
    { auth: openToAll() },
  );
  stack.defer(() => edge.close(0));
  const client = createClient(SupplyService, createConnectTransport({ baseUrl: edge.url, httpVersion: '2' }));
  return { db, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('before anybody has counted there is no present and no past', async () => {
  await using world = await openSupplyApi();
  const { now, stretches } = await world.client.getLoss({ region: 'moscow' });
  expect([now, stretches]).toEqual([undefined, []]);
});

test('what is so now is told with its shares, of the region that was asked for', async () => {
  await using world = await openSupplyApi();
  const common = { policyVersion: 7, unplaced: 3 };
  const rows = [
    { region: 'moscow', ...common, figures: figures(200, 50, 20, 0) },
    { region: 'tver', ...common, figures: figures(0, 0, 0, 0) },
  ];
  await writingSupplyNow(rows, NOON).execute(world.db);
  const { now } = await world.client.getLoss({ region: 'moscow' });
  expect(now).toMatchObject({ asOf: timestampFromMs(NOON), policyVersion: 7n, unplaced: 3n });
  const [any] = now!.losses;
  expect(any).toMatchObject({
    category: '',
    connected: { people: 200n, share: 1, hours: 0 },
    failing: { people: 50n, share: 0.25 },
    unknown: { people: 0n, share: 0 },
    blocked: { people: 20n, share: 0.1 },
  });
  expect(any!.reasons).toMatchObject([
    { check: Check.DEPTRANS_ID, reason: VerdictReason.NO_ID, people: { people: 50n }, blocked: { people: 20n } },
    { check: Check.DEPTRANS_ID, reason: VerdictReason.UNSPECIFIED, people: { people: 150n } },
  ]);
  const tver = await world.client.getLoss({ region: 'tver' });
  expect(tver.now!.losses[0]).toMatchObject({ connected: { people: 0n, share: 0 } });
});

test('tariffs and reasons of nobody are left out: of now if nobody is there, of the past if nobody was', async () => {
  await using world = await openSupplyApi();
  const gone = { people: 0, ms: MINUTE };
  const here = { people: 1, ms: 0 };
  const none = { people: 0, ms: 0 };
  const sums = (connected: typeof gone) => ({ connected, failing: none, unknown: none, blocked: none });
  const reasons = [
    { check: 'session' as const, reason: 'session_ended' as const, people: gone, blocked: none },
    { check: 'session' as const, reason: 'no_session' as const, people: here, blocked: none },
    { check: 'session' as const, reason: 'ok' as const, people: none, blocked: none },
  ];
  const mixed: RegionFigures = [
    { category: '', ...sums({ people: 1, ms: MINUTE }), reasons },
    { category: 'econom', ...sums(gone), reasons: [] },
    { category: 'business', ...sums(here), reasons: [] },
  ];
  await writingSupplyNow([{ region: 'moscow', policyVersion: 1, unplaced: 0, figures: mixed }], NOON).execute(world.db);
  await writeSupplyHistory(world.db, 'minute', [
    { region: 'moscow', at: new Date(NOON), coveredMs: MINUTE, figures: mixed },
  ]);
  const asked = { from: timestampFromMs(NOON), to: timestampFromMs(NOON + MINUTE), step: SupplyStep.MINUTE };
  const { now, stretches } = await world.client.getLoss({ region: 'moscow', ...asked });
  const told = [now, stretches[0]].map((one) => one!.losses.map(({ category }) => category));
  expect(told).toEqual([
    ['', 'business'],
    ['', 'econom'],
  ]);
  expect(now!.losses[0]!.reasons.map(({ reason }) => reason)).toEqual([VerdictReason.NO_SESSION]);
  expect(stretches[0]!.losses[0]!.reasons.map(({ reason }) => reason)).toEqual([VerdictReason.SESSION_ENDED]);
});

test('the past comes by minute, by hour and by day, and hours that are not written yet come of their minutes', async () => {
  await using world = await openSupplyApi();
  const stretch = (at: number, coveredMs: number, failing: number) => {
    return { region: 'moscow', at: new Date(at), coveredMs, figures: figures(10, failing, 1, coveredMs) };
  };
  await writeSupplyHistory(world.db, 'hour', [stretch(NOON - DAY, HOUR, 4), stretch(NOON - HOUR, HOUR / 2, 2)]);
  await writeSupplyHistory(world.db, 'minute', [
    stretch(NOON - MINUTE, MINUTE, 9),
    stretch(NOON, MINUTE, 2),
    stretch(NOON + MINUTE, MINUTE, 5),
  ]);
  const past = async (step: SupplyStep, from: number, to: number) => {
    const request = { region: 'moscow', step, from: timestampFromMs(from), to: timestampFromMs(to) };
    const { stretches } = await world.client.getLoss(request);
    return stretches.map(({ at, coveredSeconds, losses }) => {
      const { people, hours, share } = losses[0]!.failing!;
      return [
        Number(at!.seconds) * 1_000 - NOON,
        coveredSeconds,
        Number(people),
        Number(hours.toFixed(6)),
        Number(share.toFixed(6)),
      ];
    });
  };
  expect(await past(SupplyStep.MINUTE, NOON, NOON + HOUR)).toEqual([
    [0, 60, 2, 0.033333, 0.2],
    [MINUTE, 60, 5, 0.083333, 0.5],
  ]);
  // The minute before noon is in its hour already.
  expect(await past(SupplyStep.HOUR, NOON - HOUR, NOON + HOUR)).toEqual([
    [-HOUR, 1_800, 2, 1, 0.2],
    [0, 120, 5, 0.116667, 0.35],
  ]);
  expect(await past(SupplyStep.DAY, NOON - 2 * DAY, NOON + DAY)).toEqual([
    [-DAY - 12 * HOUR, 3_600, 4, 4, 0.4],
    [-12 * HOUR, 1_920, 5, 1.116667, 0.209375],
  ]);
  expect(await past(SupplyStep.MINUTE, NOON + 1, NOON + MINUTE)).toEqual([]);
});

let asked: Awaited<ReturnType<typeof openSupplyApi>>;
beforeAll(async () => {
  asked = await openSupplyApi();
});
afterAll(() => asked?.[Symbol.asyncDispose]());

const time = (ms: number): Timestamp => timestampFromMs(ms);
const range = { region: 'moscow', step: SupplyStep.MINUTE, from: time(NOON), to: time(NOON + HOUR) };
test.each([
  ['an unknown region', { ...range, region: 'omsk' }, 'FILTER_UNKNOWN', ['region']],
  ['no region', {}, 'FILTER_UNKNOWN', ['region']],
  ['no end', { ...range, to: undefined }, 'REQUEST_MALFORMED', ['to']],
  ['a step without a time', { region: 'moscow', step: SupplyStep.HOUR }, 'REQUEST_MALFORMED', ['from', 'to']],
  ['no step', { ...range, step: SupplyStep.UNSPECIFIED }, 'REQUEST_MALFORMED', ['step']],
  ['a step that nobody knows', { ...range, step: 99 as SupplyStep }, 'REQUEST_MALFORMED', ['step']],
  ['an end before the beginning', { ...range, to: time(NOON - 1) }, 'REQUEST_MALFORMED', ['to']],
  ['no time at all', { ...range, to: time(NOON) }, 'REQUEST_MALFORMED', ['to']],
  ['a time that is none', { ...range, from: { seconds: 1n << 61n, nanos: 0 } }, 'REQUEST_MALFORMED', ['from']],
  ['too many minutes', { ...range, to: time(NOON + 1_500 * MINUTE + 1) }, 'LIMIT_OUT_OF_RANGE', ['to']],
  ['too many days', { ...range, step: SupplyStep.DAY, to: time(NOON + 1_501 * DAY) }, 'LIMIT_OUT_OF_RANGE', ['to']],
] as const)('%s is refused in exact words', async (_, request, reason, fields) => {
  const error = await asked.client.getLoss(request as object).then(
    () => null,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  expect(error?.code).toBe(Code.InvalidArgument);
  expect(error?.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
  const violations = error?.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  expect(violations.map(({ field }) => field)).toEqual([...fields]);
});
