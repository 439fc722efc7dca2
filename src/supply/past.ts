import { CHECKS, OUTCOME_OF } from '../../verdict/verdict.ts';
import type { SupplySample } from '../store/supply-samples.ts';
import { AT_ALL, type Ballot, BY_ID, BY_SESSION, blockedEverywhere } from './ballot.ts';
import type { RegionFigures, Sum, TariffFigures } from './figures.ts';
import type { Lens } from './lens.ts';
import type { Scratch } from './scratch.ts';

type Part = { all: number; blocked: number };

/**
 * What a policy would have blocked of the past. For how long people failed, by tariff, check and reason, was counted; which part of them it would have
 * blocked is told by the samples, and so is how many of those whom one check blocks the other blocks too. A policy that blocks everybody who fails
 * one check is told exactly; the error of others is that of drawing a few.
 */
export class Past {
  readonly #parts = new Map<string, Part>();
  people = 0;

  /** Judges the people of a minute as they were then. */
  add({ at, failing, people }: SupplySample, lens: Lens, scratch: Scratch): void {
    for (const region of new Set(people.map((person) => person.region))) {
      const here = people.filter((person) => person.region === region);
      const weight = (failing[region] ?? 0) / here.length;
      for (const person of here) {
        const ballot = scratch.ballotOf(person, lens, at);
        if (ballot) this.#count(ballot, weight);
      }
    }
    this.people += people.length;
  }

  /** The figures of the past with what the policy would have blocked; where no sample tells it, as it does now. */
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
      return { ...tariff, reasons, blocked: { people: 0, ms: byChecks * once } };
    });
  }

  #count(ballot: Ballot, weight: number): void {
    const tariffs = [{ category: '', blocked: blockedEverywhere(ballot) }, ...ballot.tariffs];
    for (const { category, blocked } of tariffs) {
      const at = `${ballot.region}/${category}/`;
      // Of all blocks by a check, one for each who is blocked.
      const checks = (blocked & BY_ID ? 1 : 0) + (blocked & BY_SESSION ? 1 : 0);
      this.#add(at, weight * checks, blocked & AT_ALL ? weight : 0);
      for (const check of CHECKS) {
        const isId = check === 'deptrans_id';
        const reason = isId ? ballot.deptransId : ballot.session;
        this.#add(`${at}${check}/${reason}`, weight, blocked & (isId ? BY_ID : BY_SESSION) ? weight : 0);
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
