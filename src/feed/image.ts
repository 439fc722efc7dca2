import { BINDING_STATES, type Facts, SESSION_STATUSES } from '../../verdict/verdict.ts';
import type { DeptransId } from '../domain/binding.ts';
import type { StreamKind } from '../domain/cursor.ts';
import type { BindingRow, ProfileRow, SessionRow } from '../store/feed-rows.ts';
import type { CopiedBinding, CopiedProfile, CopiedSession, Numbers } from '../store/image.ts';
import { openArena } from './arena.ts';
import { factsOf, millisOf } from './facts.ts';
import { openKeyEncoder } from './key-encoder.ts';
import { openKeyIndex } from './key-index.ts';
import { PersonSlots, type SessionState } from './person-slots.ts';
import { ProfileSlots } from './profile-slots.ts';
import { openRegionNames } from './region-names.ts';
import { inPlace, textOf } from './text-in-place.ts';
import { openWords } from './words.ts';

/** Told which records are about to change, while they still are what they were. A record may be named more than once. */
export type BeforeChange = (kind: StreamKind, profileNo: number) => void;

/** Whether a profile has a licence on record, and its person's id. */
export type IdFacts = {
  person: boolean;
  binding: { deptransId: DeptransId | null; state: BindingRow['state']; updatedAtMs: number | null } | null;
};

const NOBODY: BeforeChange = () => {};

/**
 * The state as this process knows it: profiles and people in flat slots, joined by number. It takes rows in any order and keeps the newest
 * version of each; a row that is not newer changes nothing.
 *
 * A record of a stream is a profile joined to its person. Its seq is the greater of the profile's and of what the stream shows of the
 * person, so it grows with every change; the profiles of one person may share one. The image knows nothing of order, streams or time.
 */
export class Image {
  readonly #arena = openArena();
  readonly profiles = new ProfileSlots(this.#arena);
  readonly people = new PersonSlots(this.#arena);
  readonly regions = openRegionNames();
  readonly #key = openKeyEncoder();
  readonly #index = openKeyIndex();
  readonly #statusOf = openWords(statusOf);
  readonly #stateOf = openWords((word) => BINDING_STATES.indexOf(word as BindingRow['state']));
  readonly #regionOf = openWords((word) => this.regions.numberOf(word));

  putProfile(row: ProfileRow, before: BeforeChange = NOBODY): void {
    const no = row.profile_no;
    const known = this.profiles.seq(no);
    if (row.seq <= known) return;
    if (known === 0) this.#admit(row, before);
    before('ids', no);
    before('statuses', no);
    this.#unlink(no);
    const person = row.deleted ? 0 : (row.person_no ?? 0);
    if (person !== 0) this.#setToken(person, row);
    this.profiles.setState(no, row.seq, person, row.deleted);
    this.#link(no, person);
  }

  putBinding(row: BindingRow, before: BeforeChange = NOBODY): void {
    const no = row.person_no;
    if (row.seq <= this.people.bindingSeq(no)) return;
    this.#announce('ids', no, before);
    this.#setToken(no, row);
    const state = BINDING_STATES.indexOf(row.state);
    this.people.setBinding(no, row.seq, microsOf(row.updated_us), state, inPlace(row.deptrans_id));
  }

  putSession(row: SessionRow, before: BeforeChange = NOBODY): void {
    const no = row.person_no;
    if (row.seq <= this.people.sessionSeq(no)) return;
    this.#announce('statuses', no, before);
    this.#setToken(no, row);
    this.people.setSession(no, sessionState(row, this.regions.numberOf(row.region ?? '')));
  }

  // Whole tables, each once, into an image that has nothing yet. No number and no key comes twice, so nothing is looked up; and there are
  // millions, so no row becomes an object and no key a text. Keys are found once `endLoad` has been called.

  beginLoad({ profiles, people }: Numbers): void {
    this.profiles.reserve(profiles + 1);
    this.people.reserve(people + 1);
  }

  loadProfile({ no, seq, isDeleted, personNo, parkId, driverId, token }: CopiedProfile): void {
    this.#key.setInPlace(parkId, driverId);
    this.profiles.setKey(no, this.#key);
    const person = isDeleted ? 0 : personNo;
    if (person !== 0) this.people.setToken(person, token);
    this.profiles.setState(no, seq, person, isDeleted);
    this.#link(no, person);
  }

  loadBinding({ personNo, seq, updatedUs, state, deptransId }: CopiedBinding): void {
    this.people.setBinding(personNo, seq, microsOf(updatedUs), this.#stateOf(state), deptransId);
  }

  loadSession({ personNo, seq, updatedUs, endedUs, status, raw, isEstimate, isDeleted, region }: CopiedSession): void {
    const number = this.#statusOf(status);
    this.people.setSession(personNo, {
      seq,
      updatedUs: microsOf(updatedUs),
      endedUs: microsOf(endedUs),
      status: number,
      raw: number === UNRECOGNISED && raw.length >= 0 ? textOf(raw) : null,
      isEstimate,
      isDeleted,
      region: this.#regionOf(region),
    });
  }

  endLoad(): void {
    this.#index.fill(this.profiles);
  }

  /** The seq of a profile's record; 0 if there is no such profile. */
  recordSeq(kind: StreamKind, no: number): number {
    const seq = this.profiles.seq(no);
    const person = this.profiles.person(no);
    if (person === 0) return seq;
    return Math.max(seq, kind === 'ids' ? this.people.bindingSeq(person) : this.people.sessionSeq(person));
  }

  /** Whether the record says more than "forget this key". */
  isLive(kind: StreamKind, no: number): boolean {
    if (this.profiles.seq(no) === 0 || this.profiles.isDeleted(no)) return false;
    return kind === 'ids' || this.people.hasSession(this.profiles.person(no));
  }

  /** What is known of a profile; null if there is none. */
  factsOf(parkId: string, driverId: string): Facts | null {
    const no = this.#numberOf(parkId, driverId);
    return no === 0 ? null : factsOf(this, no, parkId);
  }

  /** The id of a profile's person; null if there is no such profile. */
  idOf(parkId: string, driverId: string): IdFacts | null {
    const no = this.#numberOf(parkId, driverId);
    if (no === 0) return null;
    const person = this.profiles.person(no);
    if (this.people.bindingSeq(person) === 0) return { person: person !== 0, binding: null };
    const updatedAtMs = millisOf(this.people.bindingUpdatedUs(person));
    const binding = {
      deptransId: this.people.deptransId(person),
      state: this.people.bindingState(person),
      updatedAtMs,
    };
    return { person: person !== 0, binding };
  }

  /** Whether this number, and no other, is found under the key. */
  holdsKey(no: number, parkId: string, driverId: string): boolean {
    this.#key.set(parkId, driverId);
    const { lo, hi } = this.#key;
    return this.profiles.hashLo(no) === lo && this.profiles.hashHi(no) === hi && this.#find() === no;
  }

  /** 0: there is no such profile. */
  #numberOf(parkId: string, driverId: string): number {
    this.#key.set(parkId, driverId);
    const no = this.#find();
    return no === 0 || this.profiles.isDeleted(no) ? 0 : no;
  }

  /** A number that was never seen. Its key may have been another number's, whose row is gone by now: that one ends here. */
  #admit(row: ProfileRow, before: BeforeChange): void {
    this.#key.set(row.park_id, row.driver_id);
    const previous = this.#find();
    if (previous !== 0) {
      before('ids', previous);
      before('statuses', previous);
      this.#unlink(previous);
      this.profiles.setState(previous, 0, 0, true);
    }
    this.profiles.setKey(row.profile_no, this.#key);
    this.#index.put(this.#key.lo, this.#key.hi, row.profile_no, previous);
  }

  #find(): number {
    const key = this.#key;
    return this.#index.find(key.lo, key.hi, (no) => this.profiles.keyEquals(no, key.field()));
  }

  /** A person's token never changes, so it is read from a row only once. */
  #setToken(person: number, row: Pick<ProfileRow, 'driver_license_pd_id'>): void {
    if (!this.people.hasToken(person)) this.people.setToken(person, inPlace(row.driver_license_pd_id ?? ''));
  }

  #announce(kind: StreamKind, person: number, before: BeforeChange): void {
    for (let no = this.people.firstProfile(person); no !== 0; no = this.profiles.next(no)) before(kind, no);
  }

  #link(no: number, person: number): void {
    this.profiles.setNext(no, person === 0 ? 0 : this.people.firstProfile(person));
    if (person !== 0) this.people.setFirstProfile(person, no);
  }

  #unlink(no: number): void {
    const person = this.profiles.person(no);
    if (person === 0) return;
    const next = this.profiles.next(no);
    let at = this.people.firstProfile(person);
    if (at === no) {
      this.people.setFirstProfile(person, next);
      return;
    }
    while (this.profiles.next(at) !== no) {
      at = this.profiles.next(at);
      if (at === 0) throw new Error('a profile is not among those of its person');
    }
    this.profiles.setNext(at, next);
  }
}

const UNRECOGNISED = SESSION_STATUSES.indexOf('unrecognised');

function statusOf(word: string): number {
  const known = SESSION_STATUSES.indexOf(word as (typeof SESSION_STATUSES)[number]);
  return known > 0 ? known : UNRECOGNISED;
}

/** A row's session as slots hold it. */
export function sessionState(row: SessionRow, region: number): SessionState {
  const status = statusOf(row.session_status);
  return {
    seq: row.seq,
    updatedUs: microsOf(row.updated_us),
    endedUs: microsOf(row.ended_us),
    status,
    raw: status === UNRECOGNISED ? row.session_status_raw : null,
    isEstimate: row.end_is_estimate,
    isDeleted: row.deleted,
    region,
  };
}

/** The bounds of google.protobuf.Timestamp, the years 1 to 9999, in microseconds. */
const MIN_US = -62_135_596_800_000_000;
const MAX_US = 253_402_300_799_000_000;

/** A time as the contract can say it; NaN for what is no moment. */
export function microsOf(value: number | string | null): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return Number.NaN;
  return Math.min(MAX_US, Math.max(MIN_US, value));
}
