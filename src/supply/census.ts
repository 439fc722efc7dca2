import { type CompiledPolicy, compilePolicy, type Facts } from '../../verdict/verdict.ts';
import { contains, type Point, type Region } from '../domain/region.ts';
import type { SupplyAsked, SupplyRead, SupplySession } from '../store/supply-people.ts';
import { ballotOf, fellSilent, needsPlace, nextChangeAt, regionOf } from './ballot.ts';
import { factsOf } from './facts.ts';
import { type Counted, figuresOf, type RegionFigures } from './figures.ts';
import { type Lens, openLens } from './lens.ts';
import { Roll } from './roll.ts';
import { Tally } from './tally.ts';
import { Timers } from './timers.ts';
import { Trail } from './trail.ts';
import { Asking, type AskingLimits, type Wanted } from './wanted.ts';

/** People who are judged in one go: some milliseconds, so that nobody else waits for long. */
const SLICE = 1_000;

/** The policy in force, and the same as if no region had stepped back. */
export type Policies = { readonly compiled: CompiledPolicy; readonly asPut: CompiledPolicy };

export type CensusLimits = AskingLimits & {
  /** Nobody counts by a profile that was heard of longer ago. */
  maxSilenceMs: number;
};

/** A connected person as one profile shows it. `region` is where it counts; empty: outside, null: not known. */
export type Seen = {
  no: number;
  region: string | null;
  parkId: string;
  driverId: string;
  /** Sorted. */
  categories: readonly string[];
  /** null: nobody but the mirror knows the profile. */
  facts: Facts | null;
};

/**
 * Everybody who is connected, and how they count by the policy in force: kept by changes alone. What happens by itself (shifts that end, grace that runs
 * out, rules that begin, silence) has a moment of its own per person; another policy, and other regions, are gone through in slices.
 *
 * To go through all people, for a preview or anything else: `for (let row = 1; row < census.end; row++) census.look(row, see)`, some thousand at a time with a
 * turn of the event loop in between; rows come and go meanwhile, and none is seen twice that stays. `census.figuresUnder` counts by another policy.
 */
export class Census {
  readonly #roll = new Roll();
  readonly #tally = new Tally();
  readonly #timers = new Timers();
  readonly #maxSilenceMs: number;
  readonly #asking: Asking;
  /** Who failed when, for whoever asks later. */
  readonly trail = new Trail();
  #lens: Lens = openLens(compilePolicy({ version: 0, suspended: false, maxDataAgeMs: 0, regions: [] }));
  #regions: readonly Region[] = [];
  #ruleAt = Number.POSITIVE_INFINITY;
  /** The next row to be judged anew; 0: all are judged by the present lens. */
  #anew = 0;

  constructor(limits: CensusLimits) {
    this.#maxSilenceMs = limits.maxSilenceMs;
    this.#asking = new Asking(this.#roll, limits);
  }

  /** How many people are connected, wherever they are. */
  get size(): number {
    return this.#roll.size;
  }

  get end(): number {
    return this.#roll.end;
  }

  get lens(): Lens {
    return this.#lens;
  }

  /** Everybody is judged by one policy, and it is the newest given. */
  get isSettled(): boolean {
    return this.#anew === 0;
  }

  /** From now on people are judged by this policy, within these regions. Those who are here are, slice by slice, by `advance`. */
  judgeBy({ compiled, asPut }: Policies, regions: readonly Region[], now: number): void {
    this.#lens = openLens(compiled, asPut);
    this.#regions = regions;
    this.#begin(now);
  }

  /** Whether a person is connected. */
  has(no: number): boolean {
    const row = this.#roll.rowOf(no);
    return row !== 0 && !this.#roll.isAway(row);
  }

  /** Whose profile it is; 0: nobody's here. */
  ownerOf(profileNo: number): number {
    return this.#roll.ownerOf(profileNo);
  }

  /** Takes in what was read of those who were asked for. Who is behind none of the connected profiles any more is gone. */
  take({ profiles = [] }: SupplyAsked, { people, alone }: SupplyRead, now: number): void {
    const here = new Set(people.map(({ no }) => no));
    for (const no of [...profiles, ...alone]) if (!here.has(-no)) this.#leave(-no, now);
    for (const person of people) if (person.profiles.length === 0) this.#leave(person.no, now);
    for (const person of people) if (person.profiles.length > 0) this.#judge(this.#roll.put(person), now);
  }

  /** Takes in shifts of people of whom nothing else has changed. */
  takeSessions(sessions: readonly SupplySession[], now: number): void {
    for (const session of sessions.filter(({ no }) => this.has(no))) {
      const row = this.#roll.rowOf(session.no);
      this.#roll.setSession(row, session);
      this.#judge(row, now);
      // When its profiles were heard of last was not read: whoever seems to be silent has to be read in whole.
      if (fellSilent(this.#roll, row, now, this.#maxSilenceMs)) this.#timers.set(row, now);
    }
  }

  /**
   * Lets what happens by itself happen up to `now`, a slice of it. Returns who has to be read again, since silence is told by nobody, and whether there is
   * more to do at once.
   */
  advance(now: number): { silent: number[]; more: boolean } {
    if (now >= this.#ruleAt) this.#begin(now);
    const silent: number[] = [];
    let left = SLICE;
    for (; left > 0 && this.#timers.nextAt() <= now; left -= 1) {
      const at = this.#timers.nextAt();
      const row = this.#timers.pop();
      if (fellSilent(this.#roll, row, at, this.#maxSilenceMs)) silent.push(this.#roll.no(row));
      this.#judge(row, at);
    }
    while (left > 0 && this.#anew > 0) {
      if (this.#anew >= this.#roll.end) this.#anew = 0;
      else {
        const row = this.#anew++;
        left -= 1;
        if (this.#roll.isUsed(row)) this.#judge(row, now, true);
      }
    }
    return { silent, more: this.#anew > 0 || this.#timers.nextAt() <= now };
  }

  /** Up to `limit` people whose place only trackstory knows: first those it was never asked for, then those it was asked for `placeMs` ago. */
  wanted(limit: number, now: number): Wanted[] {
    const needs = (row: number) => this.#needsPlace(row, now);
    return this.#asking.next(limit, now, needs, (row) => this.#roll.drop(row));
  }

  /** Where a person was found; null: trackstory does not know. Nobody counts otherwise who is where he was. */
  place(no: number, point: Point | null, now: number): void {
    const row = this.#roll.rowOf(no);
    if (row === 0) return;
    const before = this.#roll.place(row);
    this.#roll.setPoint(row, point, now);
    this.#roll.setPlace(row, this.#placeOf(point));
    this.#asking.asked(row);
    if (this.#roll.place(row) !== before) this.#judge(row, now);
  }

  /** Shows the person of a row, once for each of its profiles. Nobody may be there. */
  look(row: number, see: (seen: Seen) => void, now: number): void {
    const roll = this.#roll;
    if (!roll.isUsed(row)) return;
    const common = { no: roll.no(row), region: regionOf(roll, row, now) };
    for (let profile = roll.firstProfile(row); profile !== 0; profile = roll.profiles.next(profile)) {
      const [parkId, driverId] = [roll.profiles.parkId(profile), roll.profiles.driverId(profile)];
      const categories = roll.profiles.categories(profile);
      see({ ...common, parkId, driverId, categories, facts: factsOf(roll, row, profile) });
    }
  }

  /** Figures of every region of the policy, up to a moment. Time counts from the last `resetTime`. */
  figures(now: number): Map<string, RegionFigures> {
    const regions = this.#lens.policy.policy.regions.map(({ id }) => id);
    return figuresOf(regions, this.#tally.counted(now));
  }

  /** How people count, and for how long since the last `resetTime`, up to a moment. */
  counted(now: number): Iterable<Counted> {
    return this.#tally.counted(now);
  }

  resetTime(now: number): void {
    this.#tally.reset(now);
  }

  /** What the figures would be by another policy, at once. `turn` is awaited after each slice. */
  async figuresUnder(
    policy: CompiledPolicy,
    now: number,
    turn: () => Promise<void>,
  ): Promise<Map<string, RegionFigures>> {
    const lens = openLens(policy);
    const tally = new Tally();
    for (let row = 1; row < this.#roll.end; row += 1) {
      if (this.#roll.isUsed(row)) {
        const ballot = ballotOf(this.#roll, row, lens, now, this.#maxSilenceMs);
        tally.move(0, tally.numberOf(ballot), now);
      }
      if (row % SLICE === 0) await turn();
    }
    return figuresOf(
      policy.policy.regions.map(({ id }) => id),
      tally.counted(now),
    );
  }

  #begin(now: number): void {
    this.#anew = this.#roll.end > 1 ? 1 : 0;
    this.#ruleAt = this.#lens.nextRuleAt(now);
  }

  /** `now`: since when it is so. `mayHaveMoved`: where the person is has to be found anew. */
  #judge(row: number, now: number, mayHaveMoved = false): void {
    const roll = this.#roll;
    if (mayHaveMoved) roll.setPlace(row, this.#placeOf(roll.point(row)));
    if (roll.isAway(row)) return;
    const ballot = ballotOf(roll, row, this.#lens, now, this.#maxSilenceMs);
    const number = this.#tally.numberOf(ballot);
    this.trail.note(roll, row, ballot, now, this.#maxSilenceMs);
    this.#tally.move(roll.ballot(row), number, now);
    roll.setBallot(row, number);
    this.#timers.set(row, nextChangeAt(roll, row, this.#lens, now, this.#maxSilenceMs));
    if (this.#needsPlace(row, now)) this.#asking.add(row, now);
  }

  /** Somebody is connected no more. The place stays known for a while, for whoever comes back soon. */
  #leave(no: number, now: number): void {
    if (!this.has(no)) return;
    const roll = this.#roll;
    const row = roll.rowOf(no);
    this.#tally.move(roll.ballot(row), 0, now);
    roll.setBallot(row, 0);
    this.#timers.set(row, Number.POSITIVE_INFINITY);
    this.trail.end(roll, row, now);
    if (this.#asking.leave(row, now)) roll.leave(row);
    else roll.drop(row);
  }

  #placeOf(point: Point | null): string | null {
    if (!point) return null;
    return this.#regions.find(({ on, area }) => on && contains(area, point))?.id ?? '';
  }

  #needsPlace(row: number, now: number): boolean {
    return needsPlace(this.#roll, row, this.#lens, now, this.#maxSilenceMs);
  }
}
