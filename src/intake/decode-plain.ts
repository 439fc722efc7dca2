/** The fields of an event as they are on the wire, before anybody judged them. */
export type PlainEvent = {
  parkId: string;
  driverId: string;
  status: number;
  seconds: number;
  nanos: number;
  hasTime: boolean;
};

/**
 * Reads a binary `ContractorStatusEvent` that is written as writers write it: ASCII texts, small numbers, unknown fields of any kind but
 * groups. Null for everything else, broken or only unusual: then the general reader judges. It exists because that one costs four times
 * as much, for every event.
 */
export function readPlainEvent(bytes: Uint8Array): PlainEvent | null {
  const event: PlainEvent = { parkId: '', driverId: '', status: 0, seconds: 0, nanos: 0, hasTime: false };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cursor = { at: 0 };
  while (cursor.at < buffer.length) {
    const tag = readVarint(buffer, cursor);
    if (tag === PARK || tag === DRIVER) {
      const text = readText(buffer, cursor);
      if (text === null) return null;
      if (tag === PARK) event.parkId = text;
      else event.driverId = text;
    } else if (tag === STATUS) {
      event.status = readVarint(buffer, cursor);
    } else if (tag === EVENT_AT) {
      if (!readTime(buffer, cursor, event)) return null;
    } else if (tag < 40 || tag > 0xffff_ffff || !skip(buffer, cursor, tag & 7)) {
      return null;
    }
    // A number that could not be read has put the cursor beyond all bytes.
    if (cursor.at > buffer.length) return null;
  }
  // Beyond 31 bits the contract's numbers are negative, or cut.
  return event.status > 0x7fff_ffff || event.nanos > 0x7fff_ffff ? null : event;
}

/** Field number and kind of what is read. */
const [PARK, DRIVER, STATUS, EVENT_AT] = [0x0a, 0x12, 0x18, 0x22];
const [SECONDS, NANOS] = [0x08, 0x10];
const [NUMBER, EIGHT_BYTES, BYTES, FOUR_BYTES] = [0, 1, 2, 5];

type Cursor = { at: number };

/** A number of at most 35 bits; else the cursor goes beyond all bytes. */
function readVarint(buffer: Buffer, cursor: Cursor): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
    const byte = buffer[cursor.at]!;
    cursor.at += 1;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  cursor.at = Number.POSITIVE_INFINITY;
  return 0;
}

/** A text of ASCII; null if it is another. */
function readText(buffer: Buffer, cursor: Cursor): string | null {
  const end = readVarint(buffer, cursor) + cursor.at;
  if (!(end <= buffer.length)) return null;
  const text = buffer.toString('latin1', cursor.at, end);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return null;
  cursor.at = end;
  return text;
}

/** A timestamp, once in a message: a second one would be merged with the first. */
function readTime(buffer: Buffer, cursor: Cursor, event: PlainEvent): boolean {
  const end = readVarint(buffer, cursor) + cursor.at;
  if (event.hasTime || !(end <= buffer.length)) return false;
  event.hasTime = true;
  while (cursor.at < end) {
    const tag = readVarint(buffer, cursor);
    if (tag === SECONDS) event.seconds = readVarint(buffer, cursor);
    else if (tag === NANOS) event.nanos = readVarint(buffer, cursor);
    else return false;
  }
  return cursor.at === end;
}

function skip(buffer: Buffer, cursor: Cursor, kind: number): boolean {
  if (kind === NUMBER) readVarint(buffer, cursor);
  else if (kind === BYTES) cursor.at = readVarint(buffer, cursor) + cursor.at;
  else if (kind === FOUR_BYTES) cursor.at += 4;
  else if (kind === EIGHT_BYTES) cursor.at += 8;
  else return false;
  return true;
}
