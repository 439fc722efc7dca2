import { CHECKS, OUTCOME_OF } from '../../verdict/verdict.ts';
import type { PastInterval } from '../store/supply-past.ts';
import { AT_ALL, type Ballot, BY_ID, BY_SESSION, blockedEverywhere } from './ballot.ts';
import type { RegionFigures, Sum, TariffFigures } from './figures.ts';
import type { Lens } from './lens.ts';
import type { PlacedPerson, Scratch } from './scratch.ts';

type Part = { all: number; blocked: number };

/**
 * What a policy would have blocked of the past. For how long people failed, by tariff, check and reason, was counted; which part of that the policy would have
 * blocked, and how much of what one check blocks the other blocks too, is told by intervals that are on record. If all of them are judged it is told exactly. Of a
 * sample each person stands for people everywhere in a roll-out: so whom a share takes is no matter of chance.
 */
export class Past {
  readonly #parts = new Map<string, Part>();
  readonly #isSample: boolean;

  constructor(isSample: boolean) {
    this.#isSample = isSample;
  }

  /** Judges a person over the part of an interval that lies after `from`. Returns how often. */
  add(interval: PastInterval, from: number, lens: Lens, scratch: Scratch): number {
    const person = personOf(interval);
    const { boundAt } = interval;
    // Grace may run out within it; else a verdict holds from its beginning to its end.
    const graces = boundAt === null ? [] : lens.gracesOf(interval.region).map((graceMs) => boundAt + graceMs);
    const stands = this.#isSample ? lens.standsOf(interval.region) : null;
    const begin = Math.max(interval.at, from);
    const moments = [
      begin,
      ...graces.filter((at) => at > begin && at < interval.to).sort((a, b) => a - b),
      interval.to,
    ];
    for (let i = 1; i < moments.length; i++) {
      const [at, ms] = [moments[i - 1]!, moments[i]! - moments[i - 1]!];
      if (stands) {
        const ballots = scratch.ballotsAt(person, lens, at, stands);
        for (const [n, { part }] of stands.entries()) this.#count(ballots[n], ms * part);
      } else this.#count(scratch.ballotOf(person, lens, at), ms);
    }
    return (moments.length - 1) * (stands?.length ?? 1);
  }

  /** The figures of the past with what the policy would have blocked; where none is on record, as it does now. */
  under(region: string, counted: RegionFigures, now: RegionFigures): RegionFigures {
    return counted.map((tariff) => {
      const same = now.find(({ category }) => category === tariff.category);
      const at = `${region}/${tariff.category}/`;
      const reasons = tariff.reasons.map((one): TariffFigures['reasons'][number] => {
        if (OUTCOME_OF[one.reason] !== 'fail') return { ...one, blocked: { people: 0, ms: 0 } };
        const here = same?.reasons.find(({ check, reason }) => check === one.check && reason === one.reason);
        const part = this.#partOf(`${at}${one.check}/${one.reason}`) ?? quotient(here?.blocked, here?.people);
        return { ...one, blocked: partOf(one.people, part) };
      });
      const byChecks = reasons.reduce((ms, { blocked }) => ms + blocked.ms, 0);
      const nowByChecks = (same?.reasons ?? []).reduce((people, { blocked }) => people + blocked.people, 0);
      const once = this.#partOf(at) ?? (nowByChecks > 0 ? (same?.blocked.people ?? 0) / nowByChecks : 0);
      const apart = this.#partOf(`${at}apart`) ?? 0;
      return { ...tariff, reasons, blocked: { people: 0, ms: byChecks * once + tariff.failing.ms * apart } };
    });
  }

  #count(ballot: Ballot | null | undefined, ms: number): void {
    if (!ballot) return;
    const tariffs = [{ category: '', blocked: blockedEverywhere(ballot) }, ...ballot.tariffs];
    const isFailing = OUTCOME_OF[ballot.deptransId] === 'fail' || OUTCOME_OF[ballot.session] === 'fail';
    for (const { category, blocked } of tariffs) {
      const at = `${ballot.region}/${category}/`;
      // Of all blocks by a check, one for each who is blocked.
      const checks = (blocked & BY_ID ? 1 : 0) + (blocked & BY_SESSION ? 1 : 0);
      const isBlocked = (blocked & AT_ALL) !== 0;
      this.#add(at, ms * checks, isBlocked && checks > 0 ? ms : 0);
      // By one check in one tariff and by the other in another, so by neither alone.
      if (isFailing) this.#add(`${at}apart`, ms, isBlocked && checks === 0 ? ms : 0);
      for (const check of CHECKS) {
        const isId = check === 'deptrans_id';
        const reason = isId ? ballot.deptransId : ballot.session;
        this.#add(`${at}${check}/${reason}`, ms, blocked & (isId ? BY_ID : BY_SESSION) ? ms : 0);
      }
    }
  }

  #add(key: string, all: number, blocked: number): void {
    const part = this.#parts.get(key) ?? { all: 0, blocked: 0 };
    part.all += all;
    part.blocked += blocked;
    this.#parts.set(key, part);
  }

  #partOf(key: string): number | null {
    const part = this.#parts.get(key);
    return part && part.all > 0 ? part.blocked / part.all : null;
  }
}

function quotient(blocked: Sum | undefined, of: Sum | undefined): number {
  return blocked && of && of.people > 0 ? blocked.people / of.people : 0;
}

function partOf({ people, ms }: Sum, part: number): Sum {
  return { people: Math.round(people * part), ms: ms * part };
}

function personOf({
  person,
  region,
  binding,
  boundAt,
  sessionStatus,
  sessionEndedAt,
  profiles,
  at,
}: PastInterval): PlacedPerson {
  return {
    no: 1,
    region,
    person,
    binding,
    bindingUpdatedAt: boundAt,
    session: sessionStatus,
    sessionUpdatedAt: null,
    sessionEndedAt,
    sessionRegion: region,
    profiles: profiles.map(([parkId, driverId, categories, isPublished], i) => {
      return { no: i + 1, parkId, driverId, categories, seenAt: at, isPublished };
    }),
  };
}
