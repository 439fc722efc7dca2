import type { StreamKind } from '../domain/cursor.ts';
import type { BindingRow } from '../store/feed-rows.ts';
import type { Image } from './image.ts';
import { reserve, varintSize, type Writer, writeField, writeNumber, writeTimestamp, writeVarint } from './wire.ts';

/** Which records a subscriber sees as they are; the others it sees as deleted. Null: all. */
export type Filter = ReadonlySet<string> | null;

/** Everything in a record but the key, the token, the id and the regulator's word, which reserve for themselves. */
const FIXED_BYTES = 128;

/** In the contract's numbers. */
const BINDING_STATES = { unbound: 1, bound: 2, recheck: 3, rejected: 4 } as const satisfies Record<
  BindingRow['state'],
  number
>;

/** Whether the record is shown as "forget this key". */
export function isTombstone(image: Image, kind: StreamKind, no: number, filter: Filter): boolean {
  if (!image.isLive(kind, no)) return true;
  if (filter === null || kind === 'ids') return false;
  return !filter.has(image.regions.nameOf(image.people.region(image.profiles.person(no))));
}

/** Writes a profile's record as an element of the repeated `field`. */
export function writeRecord(
  writer: Writer,
  field: number,
  image: Image,
  kind: StreamKind,
  no: number,
  filter: Filter,
): void {
  reserve(writer, FIXED_BYTES);
  writer.bytes[writer.at++] = (field << 3) | 2;
  const lengthAt = writer.at;
  writer.at += 2; // right for 128 to 16,383 bytes, which is nearly always
  image.profiles.writeKey(writer, no);
  const tombstone = isTombstone(image, kind, no, filter);
  if (kind === 'ids') writeIdFields(writer, image, no, tombstone);
  else writeSessionFields(writer, image, no, tombstone);
  settleLength(writer, lengthAt);
}

function writeIdFields(writer: Writer, { people, profiles }: Image, no: number, tombstone: boolean): void {
  const person = profiles.person(no);
  const bindingSeq = people.bindingSeq(person);
  if (person !== 0 && !tombstone) {
    people.writeToken(writer, person);
    if (people.isBound(person)) {
      reserve(writer, FIXED_BYTES);
      writeNumber(writer, 4, 1);
      people.writeId(writer, person, 5);
    }
  }
  reserve(writer, FIXED_BYTES);
  if (bindingSeq > 0 && !tombstone) writeNumber(writer, 9, BINDING_STATES[people.bindingState(person)]);
  if (bindingSeq > 0) writeMoment(writer, 6, people.bindingUpdatedUs(person));
  writeNumber(writer, 7, Math.max(profiles.seq(no), bindingSeq));
  if (tombstone) writeNumber(writer, 8, 1);
}

function writeSessionFields(
  writer: Writer,
  { people, profiles, regions }: Image,
  no: number,
  tombstone: boolean,
): void {
  const person = profiles.person(no);
  const sessionSeq = people.sessionSeq(person);
  const region = regions.fieldOf(people.region(person));
  const raw = people.raw(person);
  if (!tombstone) people.writeToken(writer, person);
  reserve(writer, FIXED_BYTES + region.length + (raw?.length ?? 0));
  if (!tombstone) {
    writeNumber(writer, 4, people.status(person));
    if (raw) writeField(writer, 5, raw);
  }
  if (sessionSeq > 0) writeMoment(writer, 6, people.sessionUpdatedUs(person));
  if (!tombstone) {
    writeMoment(writer, 7, people.sessionEndedUs(person));
    if (people.endIsEstimate(person)) writeNumber(writer, 8, 1);
    writer.bytes.set(region, writer.at);
    writer.at += region.length;
  }
  writeNumber(writer, 10, Math.max(profiles.seq(no), sessionSeq));
  if (tombstone) writeNumber(writer, 11, 1);
}

function writeMoment(writer: Writer, field: number, micros: number): void {
  if (!Number.isNaN(micros)) writeTimestamp(writer, field, micros);
}

/** Puts the length in front of what was written behind the two bytes kept for it. */
function settleLength(writer: Writer, lengthAt: number): void {
  const start = lengthAt + 2;
  const length = writer.at - start;
  const size = varintSize(length);
  if (size !== 2) {
    reserve(writer, 8);
    writer.bytes.copyWithin(lengthAt + size, start, writer.at);
  }
  writer.at = lengthAt;
  writeVarint(writer, length);
  writer.at += length;
}
