import type { Facts } from './facts.ts';
import type { Population, RegionPolicy, Rule } from './policy.ts';
import { EVERYBODY } from './share.ts';
import { type Check, MODES, type Mode } from './words.ts';

/** A region's rules, laid out so that the ones for a check and a tariff are found at once. */
export type RegionRules = {
  readonly region: RegionPolicy;
  readonly tariffs: ReadonlySet<string>;
  /** The rules of a check for a tariff, in the order in which they are tried. */
  for(check: Check, category: string): readonly IndexedRule[];
  /** The rules of a check where they are the same for every listed tariff, as they mostly are; else null. */
  forAny(check: Check): readonly IndexedRule[] | null;
};

export type IndexedRule = {
  readonly rule: Rule;
  /** Its place among the region's rules. */
  readonly index: number;
  readonly level: number;
  readonly include: Members;
  readonly exclude: Members;
};

type Members = { parks: ReadonlySet<string>; people: ReadonlySet<string> };

/** Why a rule does not apply to a driver; null: it does. */
export type Skipped = 'not_yet' | 'excluded' | 'not_in_share' | 'grace' | null;

export function rulesOf(region: RegionPolicy): RegionRules {
  const all = region.rules.map((rule, index) => ({
    rule,
    index,
    level: MODES.indexOf(rule.mode),
    include: membersOf(rule.include),
    exclude: membersOf(rule.exclude),
  }));
  const byCheck = (check: Check) => {
    const own = all.filter(({ rule }) => rule.check === check);
    const isSame = own.every(({ rule }) => rule.categories.length === 0);
    const forCategory = (name: string) =>
      own.filter(({ rule: { categories: of } }) => of.length === 0 || of.includes(name));
    return { any: isSame ? own : null, by: new Map(region.tariffs.map((name) => [name, forCategory(name)])) };
  };
  const checks = { deptrans_id: byCheck('deptrans_id'), session: byCheck('session') };
  return {
    region,
    tariffs: new Set(region.tariffs),
    for: (check, category) => checks[check].by.get(category) ?? [],
    forAny: (check) => checks[check].any,
  };
}

/** Whether a rule applies to a driver now, and if not, why. */
export function skippedBecause({ rule, include, exclude }: IndexedRule, facts: Facts, now: number): Skipped {
  if (rule.from > now) return 'not_yet';
  if (isMember(exclude, facts)) return 'excluded';
  const isTaken =
    rule.share >= EVERYBODY ||
    isMember(include, facts) ||
    (rule.share > 0 && facts.hasPerson && facts.share < rule.share);
  if (!isTaken) return 'not_in_share';
  const { graceMs } = rule;
  // The moment is asked for last: to whoever keeps many facts it costs more than all the rest.
  if (graceMs > 0 && facts.binding === 'bound' && isJustBound(facts.bindingUpdatedAt, graceMs, now)) return 'grace';
  return null;
}

function isJustBound(boundAt: number | null, graceMs: number, now: number): boolean {
  return boundAt !== null && boundAt + graceMs > now;
}

/** The first of the rules that applies; null if none does. */
export function firstApplying(rules: readonly IndexedRule[], facts: Facts, now: number): IndexedRule | null {
  for (const rule of rules) if (skippedBecause(rule, facts, now) === null) return rule;
  return null;
}

/** The mode that a level stands for where a region may have stepped back. */
export function modeOf(level: number, isSteppedBack: boolean): Mode {
  return MODES[isSteppedBack ? Math.min(level, WARN) : level]!;
}

export const OBSERVE = MODES.indexOf('observe');
const WARN = MODES.indexOf('warn');

function membersOf({ parks, people }: Population): Members {
  return { parks: new Set(parks), people: new Set(people) };
}

function isMember({ parks, people }: Members, facts: Facts): boolean {
  if (parks.size > 0 && parks.has(facts.parkId)) return true;
  return people.size > 0 && facts.hasPerson && people.has(facts.person);
}
