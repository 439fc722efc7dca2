import {
  CHECKS,
  type CompiledPolicy,
  compilePolicy,
  EVERYBODY,
  NOBODY,
  type Order,
  type Policy,
  type RegionPolicy,
  type Rule,
} from '../../verdict/verdict.ts';
import { Ballots } from './ballots.ts';

/** What people are judged by: a policy, and beside it *blocking now*: whoever fails is blocked, everywhere and at once. */
export type Lens = {
  readonly policy: CompiledPolicy;
  /** The same as if no region had stepped back. */
  readonly asPut: CompiledPolicy;
  readonly blocking: CompiledPolicy;
  /** A region that is on; undefined: there is none of that name. */
  regionOf(region: string): LensRegion | undefined;
  /** How long after a binding some rule of the region does not apply, each length once. */
  gracesOf(region: string): readonly number[];
  /** Where people may stand in roll-outs of the region so that its rules tell them apart, and what part of all people stands like each. */
  standsOf(region: string): readonly Stand[];
  /** The next moment at which a rule begins to apply; infinity: there is none. */
  nextRuleAt(now: number): number;
  /** Whether some region that is on lists one of the tariffs. */
  isListed(categories: readonly string[]): boolean;
};

export type Stand = { share: number; part: number };

/** Of more shares than this not each is told apart. */
const MOST_STANDS = 8;

export type LensRegion = {
  /** In the region's order. */
  readonly tariffs: readonly string[];
  /** The region's order with each of them. */
  readonly orders: readonly Order[];
  readonly ballots: Ballots;
  /** Whatever the tariff, the same rules apply. */
  readonly isAlike: boolean;
  /** Which of the region's tariffs are among these, by their places. `categories` is asked for again and again, and never changes. */
  placesOf(categories: readonly string[]): readonly number[];
};

export function openLens(policy: CompiledPolicy, asPut = policy): Lens {
  const { regions } = policy.policy;
  const on = new Map(
    regions.filter((region) => region.on).map((region) => [region.id, openRegion(region, [policy, asPut])]),
  );
  const stands = new Map(regions.map(({ id, rules }) => [id, standsIn(rules)]));
  const graces = new Map(regions.map(({ id, rules }) => [id, lengths(rules)]));
  const begins = regions.flatMap(({ rules }) => rules.map(({ from }) => from));
  const listed = new Set(regions.flatMap(({ on, tariffs }) => (on ? tariffs : [])));
  return {
    policy,
    asPut,
    blocking: compilePolicy(blockingNow(policy.policy)),
    regionOf: (region) => on.get(region),
    standsOf: (region) => stands.get(region) ?? standsIn([]),
    gracesOf: (region) => graces.get(region) ?? [],
    nextRuleAt: (now) => begins.reduce((least, from) => (from > now && from < least ? from : least), Infinity),
    isListed: (categories) => categories.some((category) => listed.has(category)),
  };
}

/** The regions of a policy with everybody blocked who fails: no share, no grace, no date, no step back. */
export function blockingNow(policy: Policy): Policy {
  const rules = CHECKS.map(
    (check): Rule => ({
      check,
      categories: [],
      mode: 'block',
      from: 0,
      share: EVERYBODY,
      include: NOBODY,
      exclude: NOBODY,
      graceMs: 0,
    }),
  );
  const regions = policy.regions.map((region) => ({ ...region, steppedBack: false, rules }));
  return { ...policy, suspended: false, regions };
}

function openRegion({ id, tariffs: listed }: RegionPolicy, policies: readonly CompiledPolicy[]): LensRegion {
  const tariffs = [...new Set(listed)];
  const known = new WeakMap<readonly string[], readonly number[]>();
  return {
    tariffs,
    ballots: new Ballots(id, tariffs),
    orders: tariffs.map((category) => ({ region: id, categories: [category] })),
    isAlike: policies.every(({ regions }) => CHECKS.every((check) => regions.get(id)?.forAny(check))),
    placesOf(categories) {
      let places = known.get(categories);
      if (!places) {
        places = [...tariffs.keys()].filter((place) => categories.includes(tariffs[place]!));
        known.set(categories, places);
      }
      return places;
    },
  };
}

function standsIn(rules: readonly Rule[]): Stand[] {
  const shares = [...new Set([0, ...rules.map(({ share }) => share)])]
    .filter((share) => share < EVERYBODY)
    .sort((a, b) => a - b);
  if (shares.length > MOST_STANDS) {
    return Array.from({ length: MOST_STANDS }, (_, i) => ({
      share: (i * EVERYBODY) / MOST_STANDS,
      part: 1 / MOST_STANDS,
    }));
  }
  return shares.map((share, i) => ({ share, part: ((shares[i + 1] ?? EVERYBODY) - share) / EVERYBODY }));
}

function lengths(rules: readonly Rule[]): number[] {
  return [...new Set(rules.map(({ graceMs }) => graceMs))].filter((graceMs) => graceMs > 0);
}
