import { expect } from 'vitest';
import { judge, type Verdict } from '../../simulator/judge/judge.ts';
import { openTruth } from '../../simulator/judge/truth.ts';
import { makeRegulator } from '../../simulator/regulator/regulator.ts';

export const always = Number.NEGATIVE_INFINITY;

/** Anna has two profiles, in parks A and B, both inside; her id is 7. Times are seconds since the beginning; the verdict is of second 1,000. */
export function openAnna() {
  const truth = openTruth();
  const regulator = makeRegulator({ settings: { repeats: 'harmless' } });
  regulator.registry.put('7', 'licence of Anna');
  for (const profile of ['A/anna', 'B/anna']) {
    truth.person(profile, 'pd-anna', always);
    truth.tariffs(profile, true, always);
    truth.place(profile, 'inside', always);
  }
  truth.binding('7', 'pd-anna', always);
  const anna = {
    truth,
    regulator,
    nowS: 1_000,
    on: (atS: number, profile = 'A/anna') => truth.status(profile, true, atS * 1_000),
    off: (atS: number, profile = 'A/anna') => truth.status(profile, false, atS * 1_000),
    report: (connected: boolean, atS: number, id = '7') =>
      regulator.registry.report(id, { connected, occurredAtMs: atS * 1_000 }, atS * 1_000),
    verdict: () => judge(truth, regulator, anna.nowS * 1_000),
    /** No mistakes, but for those wanted. */
    expectVerdict: (wanted: Partial<Verdict>) =>
      expect(anna.verdict()).toMatchObject({ differ: 0, outOfOrder: 0, duplicates: 0, secondShifts: 0, ...wanted }),
  };
  return anna;
}
