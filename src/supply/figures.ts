import { CHECKS, type Check, OUTCOME_OF, type Reason } from '../../verdict/verdict.ts';
import { AT_ALL, type Ballot, BY_ID, BY_SESSION, blockedEverywhere } from './ballot.ts';

/** People now, or at the end of a stretch of time, and for how many ms of theirs it was so in that time. */
export type Sum = { people: number; ms: number };

/** Who works by a tariff, and what of them the checks take away. */
export type TariffFigures = {
  /** Empty: any. There somebody counts as blocked who is blocked by every tariff of his. */
  category: string;
  connected: Sum;
  /** Some check fails: they would be blocked if everybody were. */
  failing: Sum;
  /** No check fails, and one is unknown. */
  unknown: Sum;
  /** The policy in force blocks them. */
  blocked: Sum;
  /** Everybody, by what a check says. */
  reasons: { check: Check; reason: Reason; people: Sum; blocked: Sum }[];
};

/** Figures of a region, first those of any tariff. */
export type RegionFigures = TariffFigures[];

export type Counted = { ballot: Ballot; people: number; ms: number };

/** Adds up who counts how, for each region. Regions come even if nobody is there. */
export function figuresOf(regions: readonly string[], counted: Iterable<Counted>): Map<string, RegionFigures> {
  const all = new Map(regions.map((region): [string, RegionFigures] => [region, [emptyFigures('')]]));
  for (const { ballot, people, ms } of counted) {
    const figures = all.get(ballot.region);
    if (!figures) continue;
    const sum = { people, ms };
    addBallot(tariffOf(figures, ''), ballot, blockedEverywhere(ballot), sum);
    for (const { category, blocked } of ballot.tariffs) addBallot(tariffOf(figures, category), ballot, blocked, sum);
  }
  return all;
}

/** One stretch of time after the other: people at the end of the later, the time of both. */
export function joinFigures(earlier: RegionFigures, later: RegionFigures): RegionFigures {
  const joined: RegionFigures = structuredClone(later);
  for (const tariff of earlier) {
    const into = tariffOf(joined, tariff.category);
    for (const name of ['connected', 'failing', 'unknown', 'blocked'] as const) into[name].ms += tariff[name].ms;
    for (const { check, reason, people, blocked } of tariff.reasons) {
      const found = reasonOf(into, check, reason);
      found.people.ms += people.ms;
      found.blocked.ms += blocked.ms;
    }
  }
  return joined;
}

export function emptyFigures(category: string): TariffFigures {
  return { category, connected: none(), failing: none(), unknown: none(), blocked: none(), reasons: [] };
}

function addBallot(into: TariffFigures, ballot: Ballot, blocked: number, sum: Sum): void {
  const outcomes = [OUTCOME_OF[ballot.deptransId], OUTCOME_OF[ballot.session]];
  add(into.connected, sum);
  if (outcomes.includes('fail')) add(into.failing, sum);
  else if (outcomes.includes('unknown')) add(into.unknown, sum);
  if (blocked & AT_ALL) add(into.blocked, sum);
  for (const check of CHECKS) {
    const isId = check === 'deptrans_id';
    const found = reasonOf(into, check, isId ? ballot.deptransId : ballot.session);
    add(found.people, sum);
    if (blocked & (isId ? BY_ID : BY_SESSION)) add(found.blocked, sum);
  }
}

function tariffOf(figures: RegionFigures, category: string): TariffFigures {
  const known = figures.find((one) => one.category === category);
  if (known) return known;
  const made = emptyFigures(category);
  figures.push(made);
  return made;
}

function reasonOf(figures: TariffFigures, check: Check, reason: Reason) {
  const known = figures.reasons.find((one) => one.check === check && one.reason === reason);
  if (known) return known;
  const made = { check, reason, people: none(), blocked: none() };
  figures.reasons.push(made);
  return made;
}

function none(): Sum {
  return { people: 0, ms: 0 };
}

function add(into: Sum, { people, ms }: Sum): void {
  into.people += people;
  into.ms += ms;
}
