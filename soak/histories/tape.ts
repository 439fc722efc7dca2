import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Content, type History, readMessage, type StreamHistory } from './history.ts';
import { openMessageIndex } from './message-index.ts';
import type { Kind } from './truth.ts';

/** A message that was kept: where, what it is, and the position it leads to, if any. */
export type Kept = { readonly place: number; readonly case: Content['case']; readonly position: number | null };

/** All that subscribers saw, as bytes in a file: hundreds of them see more than memory holds, and much of it is the same. */
export type Tape = Disposable & {
  /** Keeps a message; equal ones once. */
  keep(kind: Kind, message: Uint8Array): Kept;
  /** The cursor in the message at a place that leads somewhere. */
  cursorAt(place: number): Uint8Array;
  /** The frame at a place, to be read only. */
  frameAt(place: number): Content;
};

/** One stream, as its recorder has it: frames by when they came and where they are on the tape. */
export type Recording = Omit<StreamHistory, 'frames'> & { readonly atMs: number[]; readonly places: number[] };

/** What one subscriber saw, on tape. */
export type Recorded = Omit<History, 'streams'> & { readonly streams: Recording[] };

/** Records kept as objects while histories are judged, of which many share their frames; other frames count as some, for their digests. */
const CACHED_RECORDS = 100_000;
const DIGEST_AS_RECORDS = 30;

export function openTape(cachedRecords = CACHED_RECORDS): Tape {
  const folder = mkdtempSync(join(tmpdir(), 'deptrans-histories-'));
  const file = openSync(join(folder, 'tape'), 'w+');
  const index = openMessageIndex();
  const frames = new Map<number, Content>();
  let end = 0;
  let cached = 0;
  const read = (place: number) => {
    const { kind, from, length } = index.at(place);
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, from);
    return readMessage(kind, bytes);
  };
  const keys = new Map<string, string>();
  /** One string for all records of a key. */
  const oneOf = (key: string) => {
    const known = keys.get(key);
    if (known === undefined) keys.set(key, key);
    return known ?? key;
  };
  const kept = (place: number): Kept => {
    const { case: name, position } = index.at(place);
    return { place, case: name, position: position < 0 ? null : position };
  };
  return {
    keep(kind, message) {
      const hash = createHash('sha1').update(kind).update(message).digest();
      const before = index.find(hash);
      if (before >= 0) return kept(before);
      const { frame, position } = readMessage(kind, message);
      writeSync(file, message, 0, message.length, end);
      const { length } = message;
      const place = index.add(hash, { kind, case: frame.case, from: end, length, position: position ?? -1 });
      end += length;
      return kept(place);
    },
    cursorAt(place) {
      const { cursor } = read(place);
      if (cursor === null) throw new Error(`There is no cursor in message ${place}`);
      return Uint8Array.from(cursor);
    },
    frameAt(place) {
      const before = frames.get(place);
      if (before) return before;
      const { frame } = read(place);
      if (frame.case === 'changes') for (const record of frame.records) record.key = oneOf(record.key);
      if (cached > cachedRecords) {
        frames.clear();
        cached = 0;
      }
      frames.set(place, frame);
      cached += frame.case === 'changes' ? frame.records.length : DIGEST_AS_RECORDS;
      return frame;
    },
    [Symbol.dispose]() {
      closeSync(file);
      rmSync(folder, { recursive: true });
    },
  };
}

/** The histories with their frames in memory, one after the other, for the judges. */
export function* played(recorded: readonly Recorded[], tape: Tape): Generator<History, void, void> {
  for (const { streams, ...rest } of recorded) {
    yield {
      ...rest,
      streams: streams.map(({ atMs, places, ...stream }) => ({
        ...stream,
        frames: places.map((place, i) => ({ ...tape.frameAt(place), atMs: atMs[i]! })),
      })),
    };
  }
}
