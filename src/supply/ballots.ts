import type { Reason } from '../../verdict/verdict.ts';
import type { Ballot } from './ballot.ts';

/** Of a tariff by which the person does not work. */
export const NOT_WORKED = -1;

/** Where the tariffs that come before lead: further, by what blocks in the next; at the end to ballots, by both reasons. */
type Branch = { next: (Branch | undefined)[]; ballots: Map<Reason, Map<Reason, Ballot>> };

/** The ballots of a region, each made once and shared by all who count alike, so that to judge somebody leaves little garbage. */
export class Ballots {
  readonly #region: string;
  readonly #tariffs: readonly string[];
  readonly #root = newBranch();
  readonly #blocked: Int8Array;

  constructor(region: string, tariffs: readonly string[]) {
    this.#region = region;
    this.#tariffs = tariffs;
    this.#blocked = new Int8Array(tariffs.length);
  }

  /** What blocks in each tariff, to be filled in: as yet the person works by none. Valid until it is asked for again. */
  blank(): Int8Array {
    return this.#blocked.fill(NOT_WORKED);
  }

  of(blocked: Int8Array, deptransId: Reason, session: Reason): Ballot {
    let branch = this.#root;
    for (const bits of blocked) {
      const at = bits - NOT_WORKED;
      branch.next[at] ??= newBranch();
      branch = branch.next[at];
    }
    const known = branch.ballots.get(deptransId)?.get(session);
    if (known) return known;
    const all = this.#tariffs.map((category, place) => ({ category, blocked: blocked[place]! }));
    const tariffs = all.filter((one) => one.blocked !== NOT_WORKED);
    const ballot = { region: this.#region, deptransId, session, tariffs };
    const beside = branch.ballots.get(deptransId) ?? new Map<Reason, Ballot>();
    branch.ballots.set(deptransId, beside.set(session, ballot));
    return ballot;
  }
}

function newBranch(): Branch {
  return { next: [], ballots: new Map() };
}
