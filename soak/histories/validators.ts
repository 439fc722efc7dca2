import { Hello_Mode } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { Frame, History, StreamHistory } from './history.ts';
import { isGone, type Truth } from './truth.ts';

/**
 * The promises of a stream, each as a judge of a recorded history. A judge says what it found wrong, in sentences; it shares nothing with
 * the service but the contract. The sixth, Bookmarkable, is in bookmarkable.ts.
 */
export type Validator = (history: History, truth: Truth) => string[];

type Visit = {
  /** Where the stream was before the frame. */
  position: number;
  /** Whether everything since 0 is under way: what is gone need not be told. */
  isCold: boolean;
  stream: StreamHistory;
  /** The first frame that has a position of its own, of a stream. */
  isFirstMove: boolean;
};

/** Takes each frame of each stream in turn, with where it stands. */
function walk(history: History, visit: (frame: Frame, at: Visit, say: (what: string) => void) => void): string[] {
  const wrong: string[] = [];
  for (const [s, stream] of history.streams.entries()) {
    let position = stream.from?.position ?? 0;
    let isCold = stream.from === null;
    let isFirstMove = true;
    for (const [f, frame] of stream.frames.entries()) {
      const startsAnew = frame.case === 'reset' || (frame.case === 'hello' && frame.mode === Hello_Mode.SNAPSHOT);
      if (startsAnew) {
        position = 0;
        isCold = true;
      }
      visit(frame, { position, isCold, stream, isFirstMove }, (what) =>
        wrong.push(`${history.name}, stream ${s}, frame ${f} (${frame.case}): ${what}`),
      );
      if (frame.case === 'snapshotEnd') isCold = false;
      if (frame.case === 'changes' || frame.case === 'heartbeat') {
        position = frame.through;
        isFirstMove = false;
      }
    }
  }
  return wrong;
}

/** Frames and records come in the order of their numbers, and each stream is built as it must be. */
export const Ordered: Validator = (history) => {
  let hasBegun = false;
  let snapshot: string | null = null;
  let of: StreamHistory | null = null;
  return walk(history, (frame, { position, stream }, say) => {
    if (stream !== of) {
      of = stream;
      hasBegun = false;
      snapshot = null;
    }
    if ((frame.case === 'hello') === hasBegun) say('hello comes first, and once');
    hasBegun = true;
    if (frame.case === 'reset') snapshot = null;
    if (frame.case === 'snapshotBegin') {
      if (position !== 0 || snapshot !== null) say('a snapshot begins in the middle');
      snapshot = frame.id;
    }
    if (frame.case === 'snapshotEnd') {
      if (frame.id !== snapshot) say('a snapshot ends that did not begin');
      snapshot = null;
    }
    if (frame.case === 'heartbeat' && snapshot !== null) say('a heartbeat in a snapshot');
    if ((frame.case === 'changes' || frame.case === 'heartbeat') && frame.through < position) say('it goes back');
    if (frame.case !== 'changes') return;
    let last = frame.prev + 1;
    for (const { key, seq } of frame.records) {
      if (seq < last || seq > frame.through) say(`${key} with ${seq} is out of order`);
      last = Math.max(last, seq);
    }
  });
};

/** No version comes twice in one uninterrupted stream, nor an older one after a newer. */
export const Unique: Validator = (history) => {
  let of: StreamHistory | null = null;
  const seen = new Map<string, number>();
  return walk(history, (frame, { stream }, say) => {
    if (stream !== of || frame.case === 'reset') seen.clear();
    of = stream;
    if (frame.case !== 'changes') return;
    for (const { key, seq } of frame.records) {
      if (seq <= (seen.get(key) ?? 0)) say(`${key} with ${seq} came before`);
      seen.set(key, seq);
    }
  });
};

/** Between the two ends of a frame nothing is missing, and what is told was so. */
export const Reliable: Validator = (history, truth) =>
  walk(history, (frame, { position, isCold, isFirstMove }, say) => {
    if (frame.case === 'heartbeat') {
      const [missed] = isFirstMove && isCold ? [] : truth.between(position, frame.through);
      if (missed) say(`${missed.key} with ${missed.seq} was passed over`);
    }
    if (frame.case !== 'changes') return;
    if ((!isFirstMove || isCold) && frame.prev !== position) say(`it begins at ${frame.prev}, not at ${position}`);
    const told = new Map(frame.records.map((record) => [record.key, record.seq]));
    for (const { key, seq, deleted, value } of frame.records) {
      const version = truth.find(key, seq);
      if (!version) say(`${key} never had ${seq}`);
      else if (deleted !== isGone(version, history.filter))
        say(`${key} with ${seq} is told as ${deleted ? 'gone' : 'there'}`);
      else if (!deleted && value !== version.value) say(`${key} with ${seq} has other values`);
    }
    for (const version of truth.between(frame.prev, frame.through)) {
      if (told.get(version.key) === version.seq) continue;
      const mayBeLeftOut = (frame.compacted && truth.next(version)) || (isCold && isGone(version, history.filter));
      if (!mayBeLeftOut) say(`${version.key} with ${version.seq} is missing`);
    }
  });

/** A heartbeat, and the end of a snapshot, stand between commits, never within one. */
export const Atomic: Validator = (history, truth) =>
  walk(history, (frame, { position }, say) => {
    if (frame.case === 'heartbeat' && !truth.isEnd(frame.through)) say(`${frame.through} is no end of a commit`);
    if (frame.case === 'snapshotEnd' && !truth.isEnd(position)) say(`${position} is no end of a commit`);
  });

/** UNAVAILABLE, RESOURCE_EXHAUSTED, or cut: what may happen to a stream that asks rightly. */
const HONEST_ENDS = ['cut', '14', '8'];

/** A cursor goes on exactly where it was made, on any instance, without a reset. */
export const Resumable: Validator = (history) => [
  ...walk(history, (frame, { stream, isFirstMove }, say) => {
    if (frame.case === 'reset') say('a reset, though nothing was replaced');
    if (stream.from === null) return;
    if (frame.case === 'hello' && frame.mode === Hello_Mode.SNAPSHOT) say('the cursor was not honoured');
    const start = frame.case === 'changes' ? frame.prev : null;
    if (isFirstMove && start !== null && start !== stream.from.position) {
      say(`it goes on from ${start}, not from ${stream.from.position}`);
    }
  }),
  ...history.streams.flatMap(({ end }, s) =>
    HONEST_ENDS.includes(end) ? [] : [`${history.name}, stream ${s}: it ended with status ${end}`],
  ),
];
