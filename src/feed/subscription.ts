import { randomUUID } from 'node:crypto';
import { Hello_Mode, Reset_Reason } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { StreamKind } from '../domain/cursor.ts';
import type { Start } from './admission.ts';
import type { ChangeTail } from './change-tail.ts';
import type { Copy } from './copy.ts';
import {
  endChanges,
  type Frame,
  goAwayFrame,
  heartbeatFrame,
  helloFrame,
  openBody,
  resetFrame,
  snapshotBeginFrame,
  snapshotEndFrame,
} from './frames.ts';
import type { Reader, Stream } from './stream.ts';

/** A heartbeat sent later than this after it was made says its own age. */
const LATE_MS = 50;

const RESET_REASONS = {
  epoch: Reset_Reason.EPOCH,
  cursor_too_old: Reset_Reason.CURSOR_TOO_OLD,
  filter_changed: Reset_Reason.FILTER_CHANGED,
} as const;

export type SubscriptionOptions = {
  tail: Pick<ChangeTail, 'copy' | 'sourceAgeMs'>;
  /** Monotonic time. */
  now: () => number;
  kind: StreamKind;
  start: Start;
  instance: string;
  heartbeatIntervalMs: number;
  /** The policy in force as a frame; null while it is not known. */
  policy?: (() => Frame | null) | undefined;
};

/**
 * One watcher's way through a stream: a position, and while it is up to date without a filter, a place in the ring. It holds no frames, so
 * a watcher that reads slowly costs what one frame costs.
 *
 * The order is always: hello, a reset if the copy cannot be continued, the order log from the position on (inside a snapshot if that is the
 * beginning), then what is new. Every step gives the frames that belong together.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #reader: Reader;
  #copy: Copy;
  #position: number;
  #place: number | null = null;
  #snapshot: { id: string } | null = null;
  #beats: number;
  #policy: Frame | null = null;
  /**
   * When it began, if it did from a cursor: monotonic time. That cursor may be of the middle of a catch-up or a snapshot, from which records were
   * left out because they had changed, and come with what follows. No heartbeat may say that the copy is whole before they have come.
   */
  readonly #resumedAt: number | null;

  constructor(options: SubscriptionOptions) {
    const { kind, start } = options;
    this.#options = options;
    this.#copy = start.copy;
    this.#position = start.position;
    this.#reader = { filter: start.filter, filterHash: start.filterHash, omitThrough: 0 };
    const stream = start.copy.streams[kind];
    if (start.position > stream.through) stream.advance(start.copy.head);
    if (start.filter === null && start.position > 0) this.#place = stream.ring.placeAfter(start.position) ?? null;
    this.#beats = stream.beats;
    this.#resumedAt = start.position > 0 ? options.now() : null;
  }

  /** The frames with which the stream begins. */
  begin(): Frame[] {
    const { start, instance, heartbeatIntervalMs } = this.#options;
    const { epoch, head } = this.#copy;
    const frames = [helloFrame({ epoch, head, mode: this.#mode(), heartbeatIntervalMs, instance })];
    if (start.reset) frames.push(resetFrame(RESET_REASONS[start.reset]));
    const policy = this.#newPolicy();
    if (policy) frames.push(policy);
    if (start.position === 0) frames.push(this.#beginSnapshot());
    return frames;
  }

  /** What comes next; null if there is nothing now. */
  step(): Frame[] | null {
    const policy = this.#newPolicy();
    if (policy) return [policy];
    const copy = this.#options.tail.copy!;
    if (copy !== this.#copy) return this.#changeOver(copy);
    const { ring } = this.#stream;
    if (this.#place !== null && this.#place < ring.first) this.#place = null;
    if (this.#place !== null) return this.#place < ring.end ? this.#follow(this.#place) : null;
    return this.#catchUp();
  }

  /** The last frame of a server that stops. */
  goAway(reconnectAfterMs: number): Frame {
    return goAwayFrame(reconnectAfterMs, this.#cursor());
  }

  /** Whether the next step begins a snapshot, since the copy was replaced by one that does not lead on from here. */
  get mustStartAnew(): boolean {
    const { copy } = this.#options.tail;
    return copy !== null && copy !== this.#copy && this.#resetFor(copy) !== null;
  }

  get inSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  get #stream(): Stream {
    return this.#copy.streams[this.#options.kind];
  }

  /** The policy, if it is not the one that was sent last. */
  #newPolicy(): Frame | null {
    const { kind, policy } = this.#options;
    const now = kind === 'ids' ? (policy?.() ?? null) : null;
    if (now === this.#policy) return null;
    this.#policy = now;
    return now;
  }

  #cursor(): Uint8Array {
    return this.#stream.cursorAt(this.#position, this.#reader.filterHash);
  }

  #mode(): Hello_Mode {
    if (this.#position === 0) return Hello_Mode.SNAPSHOT;
    const upToDate = this.#place !== null || this.#position === this.#stream.through;
    return upToDate ? Hello_Mode.RESUME : Hello_Mode.CATCH_UP;
  }

  #beginSnapshot(): Frame {
    const stream = this.#stream;
    this.#snapshot = { id: randomUUID() };
    // A filtered reader sees each record once and fresh, so what was outside its filter when it began need not be told.
    this.#reader.omitThrough = this.#reader.filter ? stream.through : stream.loadedThrough;
    return snapshotBeginFrame(this.#snapshot.id, stream.through, stream.count);
  }

  /** The next frame of the ring. In the place of a heartbeat that comes too early, changes of nothing, if it goes further than what came before. */
  #follow(place: number): Frame[] {
    const { through, frame, beat } = this.#stream.ring.at(place);
    const prev = this.#position;
    this.#place = place + 1;
    this.#position = through;
    if (!beat) return [frame];
    if (!this.#isOwedNothing(beat.at, beat.sourceAgeMs)) {
      return through > prev
        ? [endChanges(openBody(), { prev, through, cursor: this.#cursor(), compacted: false })]
        : [];
    }
    const lateMs = this.#options.now() - beat.at;
    if (lateMs <= LATE_MS) return [frame];
    return [heartbeatFrame(through, this.#cursor(), beat.sourceAgeMs + lateMs, beat.digest)];
  }

  /** The next frame of the order log, or at its end what is due there. */
  #catchUp(): Frame[] | null {
    const stream = this.#stream;
    const frames: Frame[] = [];
    if (this.#position < stream.through) {
      const { frame, through } = stream.read(this.#position, this.#reader);
      this.#position = through;
      frames.push(frame);
      if (through < stream.through) return frames;
    }
    // Up to date: from here on without a gap, and with the digest of exactly this position.
    const filtered = this.#reader.filter !== null;
    if (!filtered) this.#place = stream.ring.end;
    if (this.#snapshot) frames.push(this.#endSnapshot(stream));
    else if (filtered && this.#beats !== stream.beats) frames.push(...this.#ownHeartbeat(stream));
    return frames.length > 0 ? frames : null;
  }

  #endSnapshot(stream: Stream): Frame {
    const { id } = this.#snapshot!;
    this.#snapshot = null;
    this.#reader.omitThrough = 0;
    return snapshotEndFrame(id, this.#cursor(), this.#reader.filter ? null : stream.digest());
  }

  #ownHeartbeat(stream: Stream): Frame[] {
    this.#beats = stream.beats;
    const ageMs = this.#options.tail.sourceAgeMs();
    if (!this.#isOwedNothing(this.#options.now(), ageMs)) return [];
    return [heartbeatFrame(this.#position, this.#cursor(), ageMs, null)];
  }

  /**
   * Whether a heartbeat made at that moment, of data so old, tells of a state that has all that an instance could have left out before this
   * stream began. With the database away no state is that young: after the time of a heartbeat the copies of all instances are taken to be alike,
   * for whoever hears nothing for some of them gives the stream up.
   */
  #isOwedNothing(madeAt: number, ageMs: number): boolean {
    const since = this.#resumedAt;
    return since === null || madeAt - ageMs >= since || madeAt >= since + this.#options.heartbeatIntervalMs;
  }

  /** The copy was replaced: goes on from the same position, if that still means anything. */
  #changeOver(copy: Copy): Frame[] {
    const reset = this.#resetFor(copy);
    this.#copy = copy;
    this.#place = null;
    this.#reader.omitThrough = 0; // what this reader has seen of the old copy may be a tombstone in the new one
    if (!reset) return [];
    this.#position = 0;
    return [resetFrame(RESET_REASONS[reset]), this.#beginSnapshot()];
  }

  #resetFor(copy: Copy): 'epoch' | 'cursor_too_old' | null {
    if (copy.epoch !== this.#copy.epoch) return 'epoch';
    return this.#position < copy.floor ? 'cursor_too_old' : null;
  }
}
