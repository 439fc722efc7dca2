import {
  BINDING_STATES,
  type BindingState,
  SESSION_STATUSES,
  type SessionStatus,
  shareOf,
} from '../../verdict/verdict.ts';
import type { Point } from '../domain/region.ts';
import type { SupplyPerson, SupplyProfile, SupplySession } from '../store/supply-people.ts';
import { Numbers } from './numbers.ts';
import { Profiles } from './profiles.ts';
import { Rows } from './rows.ts';
import { Words } from './words.ts';

const NO = 0;
const SHARE = 1;
const BINDING = 2;
const BOUND_AT = 3;
const SESSION = 4;
const SESSION_AT = 5;
const ENDED_AT = 6;
const REGION = 7;
const PLACE = 8;
const ASKED_AT = 9;
const LON = 10;
const LAT = 11;
const BALLOT = 12;
const FIRST = 13;
const TRACE = 14;
const AWAY = 15;
const PERSON_WIDTH = 16;

const UNRECOGNISED = SESSION_STATUSES.indexOf('unrecognised');
/** Where a person is, beside the number of a region by its name: nobody has said yet. */
const NOWHERE_YET = -1;

/**
 * Everybody who is connected, and who has been just now, with what verdicts are made of: flat rows of numbers, some 200 bytes a person beside the texts. People and their profiles
 * have rows of their own; a row is valid until its person is put or dropped. It knows nothing of time or of policies.
 */
export class Roll {
  readonly #people = new Rows(PERSON_WIDTH);
  readonly profiles = new Profiles();
  readonly #tokens: string[] = [];
  readonly #regions = new Words();
  /** Rows of people by their numbers. */
  readonly #rowOf = new Numbers();
  #away = 0;

  /** How many are connected. */
  get size(): number {
    return this.#rowOf.size - this.#away;
  }

  /** Every person's row is below. */
  get end(): number {
    return this.#people.end;
  }

  /** The row of a person; 0: not here. */
  rowOf(no: number): number {
    return this.#rowOf.get(no);
  }

  /** Whose a profile is, by both their numbers; 0: nobody's here. */
  ownerOf(profileNo: number): number {
    const profile = this.profiles.rowOf(profileNo);
    return profile === 0 ? 0 : this.no(this.profiles.owner(profile));
  }

  isUsed(row: number): boolean {
    return this.no(row) !== 0;
  }

  /** Puts a person as it is now, where it was before. Returns its row. */
  put(person: SupplyPerson): number {
    const known = this.rowOf(person.no);
    const row = known || this.#people.take();
    if (known) {
      this.#dropProfiles(row);
      this.#setAway(row, false);
    } else {
      this.#rowOf.set(person.no, row);
      this.#tokens[row] = person.person;
      this.#set(row, NO, person.no);
      this.#set(row, SHARE, person.person === '' ? 0 : shareOf(person.person));
      this.setPlace(row, null);
      this.setPoint(row, null, Number.NEGATIVE_INFINITY);
    }
    this.#set(row, BINDING, Math.max(0, BINDING_STATES.indexOf((person.binding ?? 'unbound') as BindingState)));
    this.#set(row, BOUND_AT, person.bindingUpdatedAt ?? Number.NaN);
    this.setSession(row, person);
    for (const profile of person.profiles.toReversed()) this.#addProfile(row, profile);
    return row;
  }

  setSession(row: number, { session, sessionUpdatedAt, sessionEndedAt, sessionRegion }: SupplySession): void {
    const status = SESSION_STATUSES.indexOf(session as SessionStatus | null);
    this.#set(row, SESSION, status < 0 ? UNRECOGNISED : status);
    this.#set(row, SESSION_AT, sessionUpdatedAt ?? Number.NaN);
    this.#set(row, ENDED_AT, sessionEndedAt ?? Number.NaN);
    this.#set(row, REGION, this.#regions.numberOf(sessionRegion));
  }

  /** Takes a person's profiles away; where it was found stays until it is put again or dropped. */
  leave(row: number): void {
    this.#dropProfiles(row);
    this.#setAway(row, true);
  }

  /** Whether a person has left, and nothing but its place is known. */
  isAway(row: number): boolean {
    return this.#people.get(row, AWAY) === 1;
  }

  drop(row: number): void {
    this.#dropProfiles(row);
    this.#setAway(row, false);
    this.#rowOf.set(this.no(row), 0);
    this.#tokens[row] = '';
    this.#people.free(row);
  }

  no(row: number): number {
    return this.#people.get(row, NO);
  }

  /** Where the person stands in roll-outs, if not where its token says. */
  setShare(row: number, share: number): void {
    this.#set(row, SHARE, share);
  }

  ballot(row: number): number {
    return this.#people.get(row, BALLOT);
  }

  setBallot(row: number, ballot: number): void {
    this.#set(row, BALLOT, ballot);
  }

  /** A hash of what is on record of the person; 0: nothing. */
  trace(row: number): number {
    return this.#people.get(row, TRACE);
  }

  setTrace(row: number, trace: number): void {
    this.#set(row, TRACE, trace);
  }

  /** When trackstory was last asked where the person is. */
  askedAt(row: number): number {
    return this.#people.get(row, ASKED_AT);
  }

  /** The region in which the person was found, empty outside of all; null: it is not known. */
  place(row: number): string | null {
    const place = this.#people.get(row, PLACE);
    return place === NOWHERE_YET ? null : this.#regions.nameOf(place);
  }

  /** Where the person was found; null: nobody knows. */
  point(row: number): Point | null {
    const lon = this.#people.get(row, LON);
    return Number.isNaN(lon) ? null : { lon, lat: this.#people.get(row, LAT) };
  }

  setPoint(row: number, point: Point | null, askedAt: number): void {
    this.#set(row, LON, point?.lon ?? Number.NaN);
    this.#set(row, LAT, point?.lat ?? Number.NaN);
    this.#set(row, ASKED_AT, askedAt);
  }

  setPlace(row: number, place: string | null): void {
    this.#set(row, PLACE, place === null ? NOWHERE_YET : this.#regions.numberOf(place));
  }

  /** Where the shift was last judged; empty if never. */
  sessionRegion(row: number): string {
    return this.#regions.nameOf(this.#people.get(row, REGION));
  }

  session(row: number): SessionStatus | null {
    return SESSION_STATUSES[this.#people.get(row, SESSION)] ?? null;
  }

  /** NaN: never. */
  sessionUpdatedAt(row: number): number {
    return this.#people.get(row, SESSION_AT);
  }

  /** NaN: it is not known. */
  sessionEndedAt(row: number): number {
    return this.#people.get(row, ENDED_AT);
  }

  binding(row: number): BindingState {
    return BINDING_STATES[this.#people.get(row, BINDING)]!;
  }

  /** NaN: never. */
  bindingUpdatedAt(row: number): number {
    return this.#people.get(row, BOUND_AT);
  }

  /** Where the person stands in roll-outs. */
  share(row: number): number {
    return this.#people.get(row, SHARE);
  }

  token(row: number): string {
    return this.#tokens[row]!;
  }

  /** The row of the person's first profile; 0: none. */
  firstProfile(row: number): number {
    return this.#people.get(row, FIRST);
  }

  #addProfile(row: number, profile: SupplyProfile): void {
    // It may have moved here before its former owner was read again.
    const elsewhere = this.profiles.rowOf(profile.no);
    if (elsewhere !== 0) this.#unlink(elsewhere);
    this.#set(row, FIRST, this.profiles.add(profile, row, this.firstProfile(row)));
  }

  #dropProfiles(row: number): void {
    for (let profile = this.firstProfile(row); profile !== 0; profile = this.firstProfile(row)) this.#unlink(profile);
  }

  #unlink(profile: number): void {
    const owner = this.profiles.owner(profile);
    this.#set(owner, FIRST, this.profiles.remove(profile, this.firstProfile(owner)));
  }

  #setAway(row: number, isAway: boolean): void {
    this.#away += Number(isAway) - Number(this.isAway(row));
    this.#set(row, AWAY, isAway ? 1 : 0);
  }

  #set(row: number, field: number, value: number): void {
    this.#people.set(row, field, value);
  }
}
