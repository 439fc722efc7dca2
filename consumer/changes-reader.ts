import { FrameMalformed } from './record-reader.ts';

/** What `IdChanges` and `StatusChanges` say beside their records. */
export type ChangesHead = { prev: number; through: number; cursor: Uint8Array };

/**
 * Reads a `changes` message by hand: its head first, whatever the order of the fields, then each record's bytes in turn. Throws FrameMalformed.
 */
export function readHead(bytes: Uint8Array): ChangesHead {
  const head: ChangesHead = { prev: 0, through: 0, cursor: new Uint8Array() };
  walk(bytes, (tag, at, end, value) => {
    if (tag === 0x08) head.prev = value;
    else if (tag === 0x10) head.through = value;
    else if (tag === 0x22) head.cursor = bytes.slice(at, end);
  });
  const isSafe = Number.isSafeInteger(head.prev) && Number.isSafeInteger(head.through);
  if (!isSafe || head.through < head.prev) throw new FrameMalformed('a span of changes that goes back');
  return head;
}

const RECORDS = 0x1a;

export function eachRecord(bytes: Uint8Array, take: (at: number, end: number) => void): void {
  walk(bytes, (tag, at, end) => {
    if (tag === RECORDS) take(at, end);
  });
}

/** Visits the fields of a message: `value` for numbers, `at` and `end` for what has a length. */
function walk(bytes: Uint8Array, visit: (tag: number, at: number, end: number, value: number) => void): void {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) throw new FrameMalformed('a frame that is cut');
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag & 7;
    if (tag < 8) throw new FrameMalformed('a field without a number');
    if (wireType === 0) {
      visit(tag, at, at, varint());
      continue;
    }
    const length = wireType === 2 ? varint() : wireType === 1 ? 8 : wireType === 5 ? 4 : -1;
    if (length < 0 || length > bytes.length - at) throw new FrameMalformed('a frame that is cut');
    visit(tag, at, at + length, 0);
    at += length;
  }
}
