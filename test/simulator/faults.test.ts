import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FaultKind, type FaultRule, openFaults } from '../../simulator/regulator/faults.ts';
import { openRegulator, type RegulatorServer } from '../../simulator/regulator/regulator.ts';
import { until } from '../support/until.ts';
import { regulatorClient } from './regulator-client.ts';

let regulator: RegulatorServer;
let client: ReturnType<typeof regulatorClient>;
beforeEach(async () => {
  regulator = await openRegulator();
  regulator.registry.put('1', 'licence');
  client = regulatorClient(regulator.url);
  await client.login();
});
afterEach(() => regulator.close());

const report = () => client.report('1', 'CONNECTED', Date.now());
const open = () => regulator.registry.shift('1', Date.now())?.endedAtMs === null;
const outcome = () =>
  report().then(
    (answer) => answer as unknown,
    (problem: Error) => (problem.name === 'SyntaxError' ? 'not JSON' : 'no answer'),
  );

describe('one by one', () => {
  const cases: [Omit<FaultRule, 'count'>, unknown, boolean][] = [
    [{ kind: 'latency', ms: 30 }, { status: 200 }, true],
    [{ kind: 'latency', medianMs: 10, p99Ms: 30 }, { status: 200 }, true],
    [{ kind: 'hang', ms: 30 }, 'no answer', false],
    [{ kind: 'lostAnswer', ms: 30 }, 'no answer', true],
    [{ kind: 'lateApplication', ms: 30 }, { status: 200 }, true],
    [{ kind: 'drip', ms: 0 }, { status: 200, body: { session: {} } }, true],
    [{ kind: 'reset' }, 'no answer', false],
    [{ kind: 'reset', applies: true }, 'no answer', true],
    [{ kind: 'throttled', retryAfter: '86400000' }, { status: 429, retryAfter: '86400000' }, false],
    [{ kind: 'throttled', retryAfter: '' }, { status: 429 }, false],
    [{ kind: 'unauthorised' }, { status: 401 }, false],
    [{ kind: 'forbidden' }, { status: 403 }, false],
    [{ kind: 'tokenExpired' }, { status: 200, body: { error: { code: 950 } } }, false],
    [{ kind: 'serverError', status: 500 }, { status: 500 }, false],
    [{ kind: 'serverError', applies: true }, { status: 503 }, true],
    [{ kind: 'html' }, 'not JSON', true],
    [{ kind: 'cutJson' }, 'not JSON', true],
    [{ kind: 'body', body: '{"session":"yes"}', applies: false }, { status: 200, body: { session: 'yes' } }, false],
    [{ kind: 'hugeBody', bytes: 100_000 }, { status: 200, body: 'x'.repeat(100_000) }, true],
    [{ kind: 'gzipBomb', bytes: 100_000 }, 'not JSON', true],
    [{ kind: 'unknownWord', word: 'NAPPING' }, { status: 200, body: { session: { status: 'NAPPING' } } }, true],
    [{ kind: 'errorInside', code: 'ODD' }, { status: 200, body: { error: { code: 'ODD' } } }, false],
    [{ kind: 'blocked' }, { status: 200, body: { error: { code: 'DRIVER_BLOCKED' } } }, false],
  ];
  test.each(cases)('%j', async (rule, expected, applied) => {
    regulator.faults.add({ ...rule, count: 1 });
    const got = await outcome();
    if (typeof expected === 'string') expect(got).toBe(expected);
    else expect(got).toMatchObject(expected as object);
    expect(open()).toBe(applied);
    expect(regulator.faults.fired).toEqual({ [rule.kind]: 1 });
    expect(regulator.faults.list()).toEqual([]);
  });
});

/** A regulator whose faults hold calls back until they are let go, however long that takes. */
async function openHolding() {
  let held = Promise.withResolvers<void>();
  const server = await openRegulator({ settings: { repeats: 'harmless' }, delay: () => held.promise });
  for (const id of ['1', '2']) server.registry.put(id, `licence ${id}`);
  const caller = regulatorClient(server.url);
  await caller.login();
  return {
    ...server,
    report: (id: string, event: 'CONNECTED' | 'DISCONNECTED', abort?: AbortSignal) =>
      caller.report(id, event, Date.now(), abort),
    untilReported: (times: number) => until(() => server.calls.total === 1 + times, 'the reports have come'),
    letGo() {
      held.resolve();
      held = Promise.withResolvers();
    },
  };
}

test('a late application lands after the caller has given up, and counts as under way until then', async () => {
  await using holding = await openHolding();
  holding.faults.add({ kind: 'lateApplication', count: 1 });
  const leaving = new AbortController();
  const late = holding.report('1', 'CONNECTED', leaving.signal);
  await holding.untilReported(1);
  leaving.abort();
  await expect(late).rejects.toThrow();
  expect(holding.registry.shift('1', Date.now())).toBeNull();
  await holding.report('1', 'DISCONNECTED');
  expect(holding.calls.overlapping).toBe(1);
  holding.letGo();
  const history = () => holding.registry.find('1')!.history.map(({ what }) => what);
  await until(() => history().length === 2, 'it lands');
  expect(history()).toEqual(['repeated', 'opened']);
});

test('two reports of one driver at once are overlapping, of two drivers are not', async () => {
  await using holding = await openHolding();
  holding.faults.add({ kind: 'lateApplication' });
  const ofTwo = Promise.all([holding.report('1', 'CONNECTED'), holding.report('2', 'CONNECTED')]);
  await holding.untilReported(2);
  holding.letGo();
  await ofTwo;
  expect(holding.calls.overlapping).toBe(0);
  const ofOne = Promise.all([holding.report('1', 'CONNECTED'), holding.report('1', 'CONNECTED')]);
  await holding.untilReported(4);
  holding.letGo();
  await ofOne;
  expect(holding.calls.overlapping).toBe(1);
});

test('the hidden limit slides', async () => {
  let nowMs = 1_000_000;
  await using limited = await openRegulator({ now: () => nowMs, settings: { rateLimitPerSecond: 3 } });
  const caller = regulatorClient(limited.url);
  await caller.login();
  const burst = async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => caller.get('/drivers/1/session')));
    return answers.filter(({ status }) => status === 200).length;
  };
  expect(await burst()).toBe(3);
  nowMs += 999;
  expect(await burst()).toBe(0);
  nowMs += 1;
  expect(await burst()).toBe(3);
  expect(limited.calls.answers['throttled']).toBe(6);
});

test('down: refused, unavailable, for a while', async () => {
  await regulator.availability.set('refused');
  await expect(report()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  await regulator.availability.set('unavailable');
  expect(await report()).toMatchObject({ status: 503 });
  await regulator.availability.set('unavailable', 20);
  await until(async () => (await report()).status === 200, 'it comes up by itself');
});

describe('rules', () => {
  const subject = (driverId: string, connected = true) => ({ kind: 'status', driverId, connected }) as const;
  const kindsOf = (rules: FaultRule[], ids: string[]): (FaultKind | null)[] => {
    const faults = openFaults(7, () => 0);
    for (const rule of rules) faults.add(rule);
    return ids.map((id) => faults.draw(subject(id), 0).fault?.kind ?? null);
  };

  test('the same seed gives each driver the same fate, whatever the order of arrival', () => {
    const ids = Array.from({ length: 2_000 }, (_, no) => String(no));
    const rules: FaultRule[] = [{ kind: 'reset', share: 0.2 }];
    const forward = kindsOf(rules, ids);
    expect(kindsOf(rules, ids.toReversed())).toEqual(forward.toReversed());
    const hit = forward.filter((kind) => kind === 'reset').length;
    expect(hit).toBeGreaterThan(330);
    expect(hit).toBeLessThan(470);
  });

  test('apply to the calls, drivers, events and time they name; the first that fires wins', () => {
    let nowMs = 0;
    const faults = openFaults(1, () => nowMs);
    faults.add({ kind: 'html', drivers: ['007'], connected: false, forMs: 100 });
    const second = faults.add({ kind: 'reset', calls: ['status'] });
    expect(faults.draw(subject('7', false), nowMs).fault?.kind).toBe('html');
    expect(faults.draw(subject('7', true), nowMs).fault?.kind).toBe('reset');
    expect(faults.draw({ ...subject('7'), kind: 'session' }, nowMs).fault).toBeNull();
    nowMs = 100;
    expect(faults.draw(subject('7', false), nowMs).fault?.kind).toBe('reset');
    expect(faults.remove(second)).toBe(true);
    expect(faults.draw(subject('7'), nowMs)).toEqual({ latencyMs: 0, fault: null });
  });

  test('log-normal latency has the median and the 99th percentile asked for', () => {
    const faults = openFaults(1, () => 0);
    faults.add({ kind: 'latency', medianMs: 50, p99Ms: 400 });
    const drawn = Array.from({ length: 5_000 }, (_, no) => faults.draw(subject(String(no)), 0).latencyMs).sort(
      (a, b) => a - b,
    );
    expect(drawn[2_500]).toBeGreaterThan(45);
    expect(drawn[2_500]).toBeLessThan(55);
    expect(drawn[4_950]).toBeGreaterThan(320);
    expect(drawn[4_950]).toBeLessThan(500);
  });
});

test('the log is bounded and says what it forgot', async () => {
  await using small = await openRegulator({ maxCalls: 8 });
  const caller = regulatorClient(small.url);
  await caller.login();
  for (let no = 0; no < 19; no += 1) await caller.get('/drivers/1/session');
  expect(small.calls.total).toBe(20);
  expect(small.calls.all().length + small.calls.forgotten).toBe(20);
  expect(small.calls.all().length).toBeLessThanOrEqual(10);
  expect(small.calls.all().at(-1)).toMatchObject({ no: 20, kind: 'session', answer: 'noSession' });
});
