import { OUTCOME_OF } from '../../verdict/verdict.ts';
import type { SupplyState, SupplyTurn } from '../store/supply-intervals.ts';
import type { Ballot } from './ballot.ts';
import { Digest } from './digest.ts';
import type { Roll } from './roll.ts';

/** Turns that are gone through before others get their turn. */
const SLICE = 5_000;

/**
 * Notes whenever it turns who fails a check or cannot be judged, why, and by which tariffs: enough to say later what any policy would have done. A pass of both
 * checks is not noted, since no policy makes anything else of it.
 */
export class Trail {
  #turns: SupplyTurn[] = [];

  /** Somebody counts so from a moment on. */
  note(roll: Roll, row: number, ballot: Ballot | null, now: number, maxSilenceMs: number): void {
    const noted = ballot && isNoted(ballot) ? ballot : null;
    const digest = noted ? digestOf(roll, row, noted, now, maxSilenceMs) : 0;
    if (digest === roll.trace(row)) return;
    roll.setTrace(row, digest);
    const state = noted && stateOf(roll, row, noted, now, maxSilenceMs);
    this.#turns.push({ no: roll.no(row), at: now, digest, state });
  }

  /** Somebody is gone. */
  end(roll: Roll, row: number, now: number): void {
    if (roll.trace(row) === 0) return;
    roll.setTrace(row, 0);
    this.#turns.push({ no: roll.no(row), at: now, digest: 0, state: null });
  }

  /** What turned and is not written yet, the earliest first. */
  get turns(): readonly SupplyTurn[] {
    return this.#turns;
  }

  /** So many of them are written. */
  forget(count: number): void {
    this.#turns = this.#turns.slice(count);
  }

  /**
   * Everybody was counted anew: what is on record already, as digests by person, has not turned; who is on record and not among them has. `turn` is awaited
   * after each slice; nothing is noted meanwhile.
   */
  async reconcile(recorded: ReadonlyMap<number, number>, now: number, turn: () => Promise<void>): Promise<void> {
    const last = new Map<number, number>();
    for (const [i, { no, digest }] of this.#turns.entries()) {
      last.set(no, digest);
      if (i % SLICE === SLICE - 1) await turn();
    }
    const turns: SupplyTurn[] = [];
    for (const [i, one] of this.#turns.entries()) {
      if (recorded.get(one.no) !== last.get(one.no)) turns.push(one);
      if (i % SLICE === SLICE - 1) await turn();
    }
    let looked = 0;
    for (const no of recorded.keys()) {
      if (!last.has(no)) turns.push({ no, at: now, digest: 0, state: null });
      looked += 1;
      if (looked % SLICE === 0) await turn();
    }
    this.#turns = turns;
  }
}

function isNoted({ region, deptransId, session }: Ballot): boolean {
  return region !== '' && (OUTCOME_OF[deptransId] !== 'pass' || OUTCOME_OF[session] !== 'pass');
}

/** Of all that is in the state, but for what never changes of a person and a profile. */
function digestOf(roll: Roll, row: number, ballot: Ballot, now: number, maxSilenceMs: number): number {
  const digest = new Digest();
  digest.word(ballot.region);
  digest.word(ballot.deptransId);
  digest.word(ballot.session);
  digest.word(roll.binding(row));
  digest.number(roll.binding(row) === 'bound' ? roll.bindingUpdatedAt(row) : Number.NaN);
  digest.word(roll.session(row) ?? '');
  digest.number(roll.sessionEndedAt(row));
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile)) {
    if (now - roll.profiles.seenAt(profile) > maxSilenceMs) continue;
    let isFirst = true;
    for (const category of roll.profiles.categories(profile)) {
      if (!ballot.tariffs.some((tariff) => tariff.category === category)) continue;
      if (isFirst) digest.number(roll.profiles.no(profile));
      isFirst = false;
      digest.word(category);
    }
    if (!isFirst) digest.word(roll.profiles.isPublished(profile) ? 'published' : 'unpublished');
  }
  return digest.value;
}

function stateOf(
  roll: Roll,
  row: number,
  { region, deptransId, session, tariffs }: Ballot,
  now: number,
  maxSilenceMs: number,
): SupplyState {
  const listed = new Set(tariffs.map(({ category }) => category));
  const profiles: SupplyState['profiles'] = [];
  for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile)) {
    if (now - roll.profiles.seenAt(profile) > maxSilenceMs) continue;
    const own = roll.profiles.categories(profile).filter((category) => listed.has(category));
    if (own.length === 0) continue;
    const { parkId, driverId } = roll.profiles.keyOf(profile);
    profiles.push([parkId, driverId, own, roll.profiles.isPublished(profile)]);
  }
  const binding = roll.binding(row);
  return {
    person: roll.token(row),
    region,
    deptransId,
    session,
    binding,
    boundAt: binding === 'bound' ? finite(roll.bindingUpdatedAt(row)) : null,
    sessionStatus: roll.session(row),
    sessionEndedAt: finite(roll.sessionEndedAt(row)),
    profiles,
  };
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
