import { OUTCOME_OF } from '../../verdict/verdict.ts';
import type { SupplyState, SupplyTurn } from '../store/supply-intervals.ts';
import type { Ballot } from './ballot.ts';
import type { Roll } from './roll.ts';

/**
 * Notes whenever it turns who fails a check or cannot be judged, why, and by which tariffs: enough to say later what any policy would have done. A pass of both
 * checks is not noted, since no policy makes anything else of it.
 */
export class Trail {
  #turns: SupplyTurn[] = [];

  /** Somebody counts so from a moment on. */
  note(roll: Roll, row: number, ballot: Ballot | null, now: number, maxSilenceMs: number): void {
    const state = ballot && isNoted(ballot) ? stateOf(roll, row, ballot, now, maxSilenceMs) : null;
    const digest = state ? digestOf(JSON.stringify(state)) : 0;
    if (digest === roll.trace(row)) return;
    roll.setTrace(row, digest);
    this.#turns.push({ no: roll.no(row), at: now, digest, state });
  }

  /** Somebody is gone. */
  end(roll: Roll, row: number, now: number): void {
    if (roll.trace(row) !== 0) this.#turns.push({ no: roll.no(row), at: now, digest: 0, state: null });
  }

  /** What turned and is not written yet, the earliest first. */
  get turns(): readonly SupplyTurn[] {
    return this.#turns;
  }

  /** So many of them are written. */
  forget(count: number): void {
    this.#turns = this.#turns.slice(count);
  }

  /** Everybody was counted anew: what is on record already, as digests by person, has not turned; who is on record and not among them has. */
  reconcile(recorded: ReadonlyMap<number, number>, now: number): void {
    const last = new Map(this.#turns.map(({ no, digest }) => [no, digest]));
    const unchanged = new Set([...last].filter(([no, digest]) => recorded.get(no) === digest).map(([no]) => no));
    const gone = [...recorded.keys()].filter((no) => !last.has(no));
    this.#turns = [
      ...this.#turns.filter(({ no }) => !unchanged.has(no)),
      ...gone.map((no): SupplyTurn => ({ no, at: now, digest: 0, state: null })),
    ];
  }
}

function isNoted({ region, deptransId, session }: Ballot): boolean {
  return region !== '' && (OUTCOME_OF[deptransId] !== 'pass' || OUTCOME_OF[session] !== 'pass');
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

/** A hash of a text, 1 to 2^52 (two FNV-1a of 32 bits, the second over the text with another beginning). */
function digestOf(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x01000193);
  }
  return ((a >>> 0) & 0xfffff) * 2 ** 32 + (b >>> 0) + 1;
}
