import type { RowNos, Stretch } from '../store/feed-audit.ts';
import type { BindingRow, ProfileRow, SessionRow } from '../store/feed-rows.ts';
import type { Copy } from './copy.ts';
import { type Image, microsOf, sessionState } from './image.ts';
import { openWriter, reserve, type Writer, writeField } from './wire.ts';

/** No person has so many profiles. */
const LONGEST_CHAIN = 100_000;

/**
 * Which rows of a stretch of the database the copy holds otherwise, or not at all, or holds though they are gone. What one of the two cannot
 * know yet is no difference: rows newer than the copy, and versions in the copy that are newer than the stretch.
 */
export function differences({ image, head }: Copy, stretch: Stretch): RowNos {
  const isLater = (seq: number) => seq > stretch.head && seq <= head;
  /** What is damaged so far that it cannot be read is not the same. */
  const reading =
    <Row>(isSame: (image: Image, row: Row) => boolean) =>
    (row: Row): boolean => {
      try {
        return isSame(image, row);
      } catch {
        return false;
      }
    };
  const differing = <Row extends { seq: number }>(
    rows: readonly Row[],
    noOf: (row: Row) => number,
    seqOf: (no: number) => number,
    holds: (row: Row) => boolean,
    saysSomething: (no: number) => boolean,
  ) => {
    const given = new Map(rows.map((row) => [noOf(row), row]));
    const nos: number[] = [];
    for (let no = stretch.after + 1; no <= stretch.upTo; no++) {
      const row = given.get(no);
      if (isLater(seqOf(no)) || (row && row.seq > head)) continue;
      // A row that is gone may have left a tombstone here.
      if (row ? !holds(row) : seqOf(no) !== 0 && saysSomething(no)) nos.push(no);
    }
    return nos;
  };
  const { profiles, people } = image;
  return {
    profiles: differing(
      stretch.profiles,
      (row) => row.profile_no,
      (no) => profiles.seq(no),
      reading(isSameProfile),
      (no) => !profiles.isDeleted(no),
    ),
    bindings: differing(
      stretch.bindings,
      (row) => row.person_no,
      (no) => people.bindingSeq(no),
      reading(isSameBinding),
      (no) => people.isBound(no),
    ),
    sessions: differing(
      stretch.sessions,
      (row) => row.person_no,
      (no) => people.sessionSeq(no),
      reading(isSameSession),
      (no) => people.hasSession(no),
    ),
  };
}

function isSameProfile(image: Image, row: ProfileRow): boolean {
  const { profiles } = image;
  const no = row.profile_no;
  const person = row.deleted ? 0 : (row.person_no ?? 0);
  return (
    profiles.seq(no) === row.seq &&
    profiles.isDeleted(no) === row.deleted &&
    profiles.person(no) === person &&
    image.holdsKey(no, row.park_id, row.driver_id) &&
    (person === 0 || isLinked(image, no, person))
  );
}

/** Whether a person's profiles lead to this one, and to nobody else's. */
function isLinked({ profiles, people }: Image, no: number, person: number): boolean {
  let isFound = false;
  let steps = 0;
  for (let at = people.firstProfile(person); at !== 0; at = profiles.next(at)) {
    if (profiles.person(at) !== person || ++steps > LONGEST_CHAIN) return false;
    isFound ||= at === no;
  }
  return isFound;
}

function isSameBinding({ people }: Image, row: BindingRow): boolean {
  const no = row.person_no;
  const id = row.deptrans_id ?? '';
  return (
    people.bindingSeq(no) === row.seq &&
    Object.is(people.bindingUpdatedUs(no), microsOf(row.updated_us)) &&
    people.bindingState(no) === row.state &&
    people.isBound(no) === (id !== '') &&
    isSameToken(people, row) &&
    (id === '' || isWritten((writer) => people.writeId(writer, no, 5), 5, id))
  );
}

function isSameSession({ people, regions }: Image, row: SessionRow): boolean {
  const no = row.person_no;
  const expected = sessionState(row, regions.numberOf(row.region ?? ''));
  const raw = people.raw(no);
  return (
    people.sessionSeq(no) === row.seq &&
    Object.is(people.sessionUpdatedUs(no), expected.updatedUs) &&
    Object.is(people.sessionEndedUs(no), expected.endedUs) &&
    people.status(no) === expected.status &&
    people.region(no) === expected.region &&
    people.endIsEstimate(no) === expected.isEstimate &&
    people.hasSession(no) === !expected.isDeleted &&
    (raw === undefined ? null : Buffer.from(raw).toString()) === expected.raw &&
    isSameToken(people, row)
  );
}

/** Somebody whom no profile names need not have one. */
function isSameToken(people: Image['people'], row: BindingRow | SessionRow): boolean {
  const no = row.person_no;
  if (!people.hasToken(no)) return people.firstProfile(no) === 0;
  return isWritten((writer) => people.writeToken(writer, no), 3, row.driver_license_pd_id);
}

/** Whether what is written is this text as this field. */
function isWritten(write: (writer: Writer) => void, field: number, text: string): boolean {
  found.at = 0;
  write(found);
  const value = Buffer.from(text);
  expected.at = 0;
  reserve(expected, value.length + 8);
  writeField(expected, field, value);
  if (found.at !== expected.at) return false;
  for (let i = 0; i < found.at; i++) if (found.bytes[i] !== expected.bytes[i]) return false;
  return true;
}

const found = openWriter(256);
const expected = openWriter(256);
