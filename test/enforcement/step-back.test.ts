import { expect, test } from 'vitest';
import { excessOf, type Fallen, type Situation, stepOf } from '../../src/enforcement/step-back.ts';
import { openRandom } from '../support/feed/random.ts';
import { limitsWith, readingOf } from './step-back-limits.ts';

const HOUR = 3_600_000;

test.each<[string, Parameters<typeof readingOf>[0], number, string | null]>([
  ['all is well', {}, 0, null],
  ['just at each limit', { lost: 100, unknown: 200, dataAgeMs: 30_000, ageMs: 30_000 }, 60_000, null],
  ['too many lost', { lost: 101 }, 0, 'lost_share'],
  ['too many unknown', { unknown: 201 }, 0, 'unknown_share'],
  ['too many of too few', { connected: 99, lost: 99, unknown: 99 }, 0, null],
  ['facts too old', { dataAgeMs: 30_001 }, 0, 'data_age'],
  ['facts too old of few people', { connected: 0, dataAgeMs: 30_001 }, 0, 'data_age'],
  ['no reading for long', { ageMs: 30_001, lost: 1_000 }, 0, 'no_reading'],
  ['the regulator is down', {}, 60_001, 'regulator_down'],
  ['everything at once', { lost: 1_000, ageMs: 99_000 }, 60_001, 'regulator_down'],
])('%s', (_, reading, standstillMs, reason) => {
  const found = excessOf(limitsWith({}), { reading: readingOf(reading), standstillMs, ledMs: HOUR });
  expect(found?.reason ?? null).toBe(reason);
});

test('without limits for shares nobody has to count, and without any reading a share that has one is exceeded', () => {
  const never = { reading: null, standstillMs: 0, ledMs: HOUR };
  expect(excessOf(limitsWith({ lostShare: null, unknownShare: null }), never)).toBeNull();
  expect(excessOf(limitsWith({ unknownShare: null }), never)?.reason).toBe('no_reading');
  expect(excessOf(limitsWith({}), { ...never, ledMs: 30_000 })).toBeNull();
});

/** Hours of readings that wander about their limits, every ten seconds; tells when the region fell and came back. */
function wander(seed: number, hours: number, limits: ReturnType<typeof limitsWith>) {
  const random = openRandom(seed);
  const falls: { at: number; stays: boolean }[] = [];
  const returns: { at: number; calmSince: number }[] = [];
  let fallen: Fallen | null = null;
  let lost = 0;
  let standstillMs = 0;
  for (let now = 0; now < hours * HOUR; now += 10_000) {
    lost = Math.min(200, Math.max(0, lost + random.int(61) - 30));
    if (random.chance(0.02)) standstillMs = 1_000;
    else standstillMs = standstillMs > 0 && random.chance(0.8) ? standstillMs + 10_000 : 0;
    const situation: Situation = {
      reading: readingOf({ lost, connected: random.chance(0.1) ? 50 : 1_000 }),
      standstillMs,
      ledMs: HOUR,
    };
    const recent = falls.filter(({ at }) => at > now - 24 * HOUR).length;
    const step = stepOf({ limits, strict: true }, situation, fallen, recent, now);
    if (!fallen && excessOf(limits, situation)) expect(step.kind).toBe('fall');
    if (step.kind === 'fall') {
      falls.push({ at: now, stays: step.needsOperator });
      fallen = { ...step, calmSinceMs: null };
    } else if (step.kind === 'calm') fallen = { ...fallen!, calmSinceMs: step.isCalm ? now : null };
    else if (step.kind === 'return') {
      returns.push({ at: now, calmSince: fallen!.calmSinceMs! });
      fallen = null;
    }
  }
  return { falls, returns, fallen };
}

test('however readings wander, a region comes back after calm alone and falls no more often than it may', () => {
  let total = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const limits = limitsWith({ returnsADay: seed % 4 });
    const { falls, returns, fallen } = wander(seed, 48, limits);
    total += falls.length;
    for (const { at, calmSince } of returns) expect(at - calmSince).toBeGreaterThanOrEqual(limits.returnAfterMs);
    for (const { at } of falls) {
      const day = falls.filter((other) => other.at > at - 24 * HOUR && other.at <= at);
      expect(day.length).toBeLessThanOrEqual(limits.returnsADay + 1);
    }
    // Who may not come back by himself any more does not.
    const last = falls.findIndex(({ stays }) => stays);
    if (last >= 0) expect([falls.length - 1, fallen?.needsOperator]).toEqual([last, true]);
  }
  expect(total).toBeGreaterThan(30);
});

test('where nothing is stricter than a warning nothing falls, and what had fallen comes back', () => {
  const mild = { limits: limitsWith({}), strict: false };
  const lost = { reading: readingOf({ lost: 900 }), standstillMs: 900_000, ledMs: HOUR };
  const well = { reading: readingOf({}), standstillMs: 0, ledMs: HOUR };
  expect(stepOf(mild, lost, null, 0, 0)).toEqual({ kind: 'stay' });
  const fallen: Fallen = { reason: 'lost_share', calmSinceMs: null, needsOperator: false };
  expect(stepOf(mild, lost, fallen, 1, 0)).toEqual({ kind: 'stay' });
  expect(stepOf(mild, well, fallen, 1, 0)).toEqual({ kind: 'calm', isCalm: true });
  expect(stepOf(mild, well, { ...fallen, calmSinceMs: 0 }, 1, 599_999)).toEqual({ kind: 'stay' });
  expect(stepOf(mild, well, { ...fallen, calmSinceMs: 0 }, 1, 600_000)).toEqual({ kind: 'return' });
});

test('after a fall for a share few people are no proof that all is well; after another fall they do not matter', () => {
  const rules = { limits: limitsWith({}), strict: true };
  const few = { reading: readingOf({ connected: 10 }), standstillMs: 0, ledMs: HOUR };
  const fallen: Fallen = { reason: 'unknown_share', calmSinceMs: null, needsOperator: false };
  expect(stepOf(rules, few, fallen, 1, 0)).toEqual({ kind: 'stay' });
  expect(stepOf(rules, few, { ...fallen, reason: 'regulator_down' }, 1, 0)).toEqual({ kind: 'calm', isCalm: true });
});
