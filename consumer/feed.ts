import { Reset_Reason } from '../gen/deptrans/v1/incremental_updates_pb.ts';
import type { PolicyInForce } from '../gen/deptrans/v1/policy_pb.ts';
import { eachRecord, readHead } from './changes-reader.ts';
import type { Clock } from './clock.ts';
import type { Copy, Kind } from './copy.ts';
import type { DigestBytes, Frame } from './feed-view.ts';
import { FrameMalformed } from './record-reader.ts';

/** The copy cannot go on from its cursor and needs a snapshot. */
export class StartAnew extends Error {
  override readonly name = 'StartAnew';
}

/** Where a feed is in its history, as a dump keeps it. */
export type Place = { epoch: string; cursor: Uint8Array; position: number; reach: number };

export type FeedOptions = {
  kind: Kind;
  copy: Copy;
  clock: Clock;
  /** The policy in force, of the history named. */
  takePolicy(policy: PolicyInForce, epoch: string): void;
  /** The service's history was replaced, maybe in the middle of a stream: numbers of before say nothing any more. */
  leaveHistory(): void;
  /** Looks for damage in the copy; called before its digest is compared. */
  inspect(): void;
  /** A bucket differs from the service's. */
  mend(feed: Feed, bucket: number): void;
};

/** More differing buckets than this are not mended one by one. */
const MOST_BUCKETS = 32;

/**
 * One of the two feeds, as the copy has followed it: takes frames in turn, checks each against what the contract promises, and knows at any
 * moment how old the copy is.
 *
 * A snapshot is taken in beside what is held: until it is complete the old records are shown, ever older; then those that it did not name are
 * dropped. Only what a dump brought and no service has confirmed is dropped at once if its history is another one.
 */
export class Feed {
  readonly kind: Kind;
  epoch = '';
  cursor: Uint8Array = new Uint8Array();
  position = 0;
  heartbeatIntervalMs = 1_000;
  /** Grows with each snapshot: what was asked before it is of no use after it. */
  generation = 0;
  readonly counts = { frames: 0, records: 0, resets: 0, snapshots: 0, violations: 0, mended: 0, mismatches: 0 };
  /** Whether every record of some moment is held. */
  #isWhole = false;
  #inSnapshot = false;
  #isConfirmed = false;
  #exactAt = Number.NEGATIVE_INFINITY;
  /** Buckets that are being mended, and from which position on they must be equal again: infinite until that is known. */
  readonly #mending = new Map<number, number>();
  /** What a dump brought may be ahead of its cursor by so much: before that position no digest is that of the copy. */
  #ahead = 0;
  readonly #options: FeedOptions;

  constructor(options: FeedOptions) {
    this.kind = options.kind;
    this.#options = options;
  }

  /** Whether the copy has been whole, and whether it is a whole one that may be dumped. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get isSettled(): boolean {
    return this.#isWhole && !this.#inSnapshot;
  }

  /** Monotonic time of which the copy is exact, and no earlier. */
  get exactAt(): number {
    return this.#exactAt;
  }

  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#exactAt;
  }

  /** No record that is held is newer than this. */
  get reach(): number {
    return Math.max(this.position, this.#ahead, ...[...this.#mending.values()].filter(Number.isFinite));
  }

  /** Goes on from a dump that was exact so long ago. */
  adopt({ epoch, cursor, position, reach }: Place, ageMs: number): void {
    Object.assign(this, { epoch, cursor, position });
    this.#ahead = reach;
    this.#isWhole = true;
    this.#exactAt = this.#options.clock.monotonic() - ageMs;
  }

  /** Nobody follows any more: the copy is of no known age. */
  end(): void {
    this.#exactAt = Number.NEGATIVE_INFINITY;
  }

  /** The next stream begins with a snapshot. */
  startAnew(): void {
    this.cursor = new Uint8Array();
    this.position = 0;
  }

  /** Takes a frame in. Throws FrameMalformed, or StartAnew if the copy proved to be wrong beyond mending. */
  take(frame: Frame): void {
    this.counts.frames += 1;
    switch (frame.case) {
      case 'hello':
        this.#meet(frame.value.epoch);
        this.heartbeatIntervalMs = Math.max(10, frame.value.heartbeatIntervalMs || 1_000);
        return;
      case 'reset':
        this.counts.resets += 1;
        if (frame.value.reason === Reset_Reason.EPOCH) this.#options.leaveHistory();
        this.startAnew();
        this.#beginSnapshot(0);
        return;
      case 'snapshotBegin':
        this.#beginSnapshot(Number(frame.value.rowCount));
        return;
      case 'changes':
        this.#change(frame.value);
        return;
      case 'snapshotEnd':
        this.cursor = frame.value.cursor;
        this.#complete();
        this.#compare(frame.value.digest);
        return;
      case 'heartbeat':
        this.#beat(Number(frame.value.throughSeq), frame.value.cursor, Number(frame.value.sourceAgeMs));
        this.#compare(frame.value.digest);
        return;
      case 'goAway':
        if (frame.value.cursor.length > 0) this.cursor = frame.value.cursor;
        return;
      case 'policy':
        this.#options.takePolicy(frame.value, this.epoch);
        return;
      default: // a frame of a later contract
    }
  }

  /** A bucket was mended as of a position: from there on it must be equal. Null: it could not be asked for. */
  mended(bucket: number, through: number | null): void {
    if (through === null) this.#mending.delete(bucket);
    else this.#mending.set(bucket, through);
  }

  #meet(epoch: string): void {
    if (this.epoch !== '' && this.epoch !== epoch && !this.#isConfirmed) this.#forget();
    this.epoch = epoch;
  }

  /** What a dump of another history brought is no answer to anything. */
  #forget(): void {
    const { copy } = this.#options;
    copy.unsee(this.kind);
    copy.sweep(this.kind);
    this.#isWhole = false;
    this.#exactAt = Number.NEGATIVE_INFINITY;
  }

  #beginSnapshot(rows: number): void {
    const { copy } = this.#options;
    this.generation += 1;
    this.position = 0;
    this.#inSnapshot = true;
    this.#mending.clear();
    this.#ahead = 0;
    copy.unsee(this.kind);
    if (copy.rows.end === 1 && rows < 2 ** 24) copy.index.reserve(rows);
  }

  #change(bytes: Uint8Array): void {
    const { copy } = this.#options;
    const { prev, through, cursor } = readHead(bytes);
    if (prev > this.position) this.#violated('a hole between frames');
    let last = prev;
    eachRecord(bytes, (at, end) => {
      copy.put(this.kind, bytes, at, end);
      const { seq } = copy.reader;
      if (seq < last || seq > through) this.#violated('a record out of order');
      last = seq;
      this.counts.records += 1;
    });
    this.position = Math.max(this.position, through);
    this.cursor = cursor;
  }

  #beat(through: number, cursor: Uint8Array, sourceAgeMs: number): void {
    if (!(through >= this.position)) this.#violated('a heartbeat that goes back');
    this.position = through;
    this.cursor = cursor;
    this.#complete();
    this.#isConfirmed = true;
    this.#exactAt = Math.max(this.#exactAt, this.#options.clock.monotonic() - sourceAgeMs);
  }

  /** Nothing that existed at this position is missing any more. A snapshot that was cut off ends here too, after its rest has come. */
  #complete(): void {
    if (this.#inSnapshot) {
      this.#options.copy.sweep(this.kind);
      this.counts.snapshots += 1;
    }
    this.#inSnapshot = false;
    this.#isWhole = true;
  }

  #compare(digest: DigestBytes | undefined): void {
    if (!digest || this.position < this.#ahead) return;
    const { copy, inspect, mend } = this.#options;
    inspect();
    const differing = copy.digests[this.kind].differing(digest.sums, digest.counts);
    if (differing === null) this.#violated('a digest of another length');
    const wrong = differing!.filter((bucket) => this.#isDue(bucket));
    for (const bucket of this.#mending.keys()) {
      if (!this.#isDue(bucket) || differing!.includes(bucket)) continue;
      this.#mending.delete(bucket);
      this.counts.mended += 1;
    }
    if (wrong.length === 0) return;
    this.counts.mismatches += wrong.length;
    if (wrong.length > MOST_BUCKETS || wrong.some((bucket) => this.#mending.has(bucket))) {
      throw new StartAnew('the copy differs from the service');
    }
    for (const bucket of wrong) {
      this.#mending.set(bucket, Number.POSITIVE_INFINITY);
      mend(this, bucket);
    }
  }

  /** Whether a bucket must be equal by now. */
  #isDue(bucket: number): boolean {
    return this.position >= (this.#mending.get(bucket) ?? 0);
  }

  #violated(what: string): void {
    this.counts.violations += 1;
    throw new FrameMalformed(what);
  }
}
