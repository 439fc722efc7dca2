import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Content, type Cursors, type History, readMessage, type StreamHistory } from './history.ts';
import type { Kind } from './truth.ts';

/** A message that was kept: where, and what a subscriber has to know of it. */
export type Kept = Cursors & { readonly place: number; readonly case: Content['case'] };

/** All that subscribers saw, as bytes in a file: hundreds of them see more than memory holds, and much of it is the same. */
export type Tape = Disposable & {
  /** Keeps a message; equal ones once. */
  keep(kind: Kind, message: Uint8Array): Kept;
  /** The frame at a place, to be read only. */
  frameAt(place: number): Content;
};

/** One stream, as its recorder has it: frames by when they came and where they are on the tape. */
export type Recording = Omit<StreamHistory, 'frames'> & { readonly atMs: number[]; readonly places: number[] };

/** What one subscriber saw, on tape. */
export type Recorded = Omit<History, 'streams'> & { readonly streams: Recording[] };

/** Records kept as objects while histories are judged, of which many share their frames. */
const CACHED_RECORDS = 300_000;

export function openTape(cachedRecords = CACHED_RECORDS): Tape {
  const folder = mkdtempSync(join(tmpdir(), 'deptrans-histories-'));
  const file = openSync(join(folder, 'tape'), 'w+');
  const messages: { kind: Kind; from: number; length: number }[] = [];
  const known = new Map<string, Kept>();
  const frames = new Map<number, Content>();
  let end = 0;
  let cached = 0;
  return {
    keep(kind, message) {
      const name = `${kind} ${createHash('sha1').update(message).digest('base64')}`;
      const before = known.get(name);
      if (before) return before;
      const { frame, cursor, position } = readMessage(kind, message);
      writeSync(file, message, 0, message.length, end);
      const kept = { place: messages.length, case: frame.case, cursor: cursor?.slice() ?? null, position };
      messages.push({ kind, from: end, length: message.length });
      end += message.length;
      known.set(name, kept);
      return kept;
    },
    frameAt(place) {
      const before = frames.get(place);
      if (before) return before;
      const { kind, from, length } = messages[place]!;
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, from);
      const { frame } = readMessage(kind, bytes);
      if (cached > cachedRecords) {
        frames.clear();
        cached = 0;
      }
      frames.set(place, frame);
      cached += frame.case === 'changes' ? frame.records.length : 1;
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
