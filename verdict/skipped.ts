import type { Facts } from './facts.ts';
import type { RegionPolicy } from './policy.ts';
import { rulesOf, type Skipped, skippedBecause } from './rules.ts';
import type { Check } from './words.ts';

/** Why each rule of a check did not apply to the driver, in their order, for whoever asks why the mode is what it is. */
export function skippedRules(
  region: RegionPolicy,
  check: Check,
  facts: Facts,
  now: number,
): { rule: number; because: NonNullable<Skipped> }[] {
  const rules = rulesOf(region);
  const all = new Set([...(rules.forAny(check) ?? []), ...region.tariffs.flatMap((name) => rules.for(check, name))]);
  const inOrder = [...all].sort((a, b) => a.index - b.index);
  return inOrder.flatMap((rule) => {
    const because = skippedBecause(rule, facts, now);
    return because === null ? [] : [{ rule: rule.index, because }];
  });
}
