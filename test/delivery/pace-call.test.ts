import { expect, test } from 'vitest';
import { type Gate, openPace } from '../../src/delivery/pace.ts';
import { PacedCall } from '../../src/delivery/pace-call.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { until } from '../support/until.ts';

const LONG_MS = 600_000;

/** A call that tells what became of it, and ends when the test says so. */
class TestCall extends PacedCall {
  readonly startBy = systemClock.monotonic() + LONG_MS;
  readonly signal: AbortSignal;
  readonly made = Promise.withResolvers<Outcome<null>>();
  end: 'running' | 'ended' | 'failed' | Outcome<never>['kind'] | null = null;

  constructor(signal: AbortSignal) {
    super();
    this.signal = signal;
  }

  run(): Promise<Outcome<null>> {
    this.end = 'running';
    return this.made.promise;
  }

  ended(): void {
    this.end = 'ended';
  }

  missed({ outcome }: { outcome: Outcome<never> }): void {
    this.end = outcome.kind;
  }

  failed(): void {
    this.end = 'failed';
  }
}

type Asked = Partial<Awaited<ReturnType<Gate['takeSlots']>>> | Error;

/** With a place for one call. What is asked for slots answers `slots`, or fails; the clock is ahead of the real one by what was added. */
function openTestPace(slots: Asked) {
  const world = { slots, aheadMs: 0 };
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + world.aheadMs };
  const gate: Gate = {
    takeSlots: ({ wanted }) =>
      world.slots instanceof Error
        ? Promise.reject(world.slots)
        : Promise.resolve({ given: wanted, firstInMs: 0, everyMs: 0, cutNo: 0, shut: false, ...world.slots }),
    read: () => Promise.resolve({ shut: false, rate: 1_000, backlogMs: 0 }),
    cut: () => Promise.resolve(null),
    open: () => Promise.resolve(false),
    takeProbe: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
  const pace = openPace({ maxInFlight: 1, failuresToShut: 5, gate, clock, onChange: () => {} });
  const stop = new AbortController();
  const begin = () => {
    const call = new TestCall(stop.signal);
    pace.begin(call);
    return call;
  };
  return { begin, stop, world };
}

const is = (call: TestCall, end: TestCall['end']) => until(() => call.end === end, `a call is ${end}`);

test('a call that throws instead of promising fails alone', async () => {
  const { begin } = openTestPace({});
  const [broken, next] = [begin(), begin()];
  broken.run = () => {
    throw new Error('no');
  };
  await is(broken, 'failed');
  await is(next, 'running');
});

test('calls beyond the places wait for one, in their order; one whose work fails gives its place back', async () => {
  const { begin } = openTestPace({});
  const [first, second, third] = [begin(), begin(), begin()];
  await is(first, 'running');
  expect([second.end, third.end]).toEqual([null, null]);
  first.made.reject(new Error('no'));
  await is(first, 'failed');
  await is(second, 'running');
  expect(third.end).toBe(null);
  second.made.resolve({ kind: 'accepted', value: null });
  await is(third, 'running');
  expect(second.end).toBe('ended');
});

test('who waits for a place when its signal aborts makes no call; who has one is left to itself', async () => {
  const { begin, stop } = openTestPace({});
  const [running, waiting] = [begin(), begin()];
  await is(running, 'running');
  stop.abort();
  expect([running.end, waiting.end]).toEqual(['running', 'throttled']);
  const late = begin();
  await is(late, 'throttled');
});

test('who waits for a slot that lies ahead when its signal aborts makes no call', async () => {
  const { begin, stop } = openTestPace({ firstInMs: LONG_MS / 2, everyMs: 1 });
  const calls = [begin(), begin(), begin()];
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls.map(({ end }) => end)).toEqual([null, null, null]);
  stop.abort();
  expect(calls.map(({ end }) => end)).toEqual(['throttled', 'throttled', 'throttled']);
});

test('there are slots for some only: the others make no call, and are told why', async () => {
  const late = openTestPace({ given: 1 });
  const [given, none] = [late.begin(), late.begin()];
  await is(given, 'running');
  expect(none.end).toBe('throttled');
  const shut = openTestPace({ given: 0, shut: true });
  await is(shut.begin(), 'unavailable');
});

test('no slots can be asked for: every call that waits fails', async () => {
  const { begin } = openTestPace(new Error('the database is away'));
  const calls = [begin(), begin()];
  for (const call of calls) await is(call, 'failed');
});

test('a turn that waited for its place for long is taken anew; where that fails, the place is there for the next', async () => {
  const { begin, world } = openTestPace({});
  const [first, second] = [begin(), begin()];
  await is(first, 'running');
  world.aheadMs = 1_000;
  world.slots = new Error('the database is away');
  first.made.resolve({ kind: 'accepted', value: null });
  await is(second, 'failed');
  world.slots = {};
  await is(begin(), 'running');
});
