import { expect } from 'vitest';
import {
  type Digest,
  Hello_Mode,
  type WatchIdsResponse,
  type WatchStatusesResponse,
} from '../../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { DriverIdRecord, SessionRecord } from '../../../gen/deptrans/v1/records_pb.ts';
import { digestOf } from './murmur.ts';

export type FeedRecord = DriverIdRecord | SessionRecord;
export type FeedResponse = WatchIdsResponse | WatchStatusesResponse;

/**
 * A subscriber that believes nothing: it keeps a copy as a consumer does and checks each frame against the promises of the stream.
 * `commits`, if given, tells whether a number is the end of a commit.
 */
export class Consumer {
  readonly copy = new Map<string, FeedRecord>();
  cursor: Uint8Array = new Uint8Array(0);
  position = 0n;
  frames: FeedResponse[] = [];
  /** The newest seq of each key in this uninterrupted stream. */
  #seen = new Map<string, bigint>();
  #snapshot: string | null = null;
  #begun = false;
  readonly #isCommit: (seq: bigint) => boolean;
  readonly #checkDigests: boolean;

  constructor({
    isCommit = () => true,
    checkDigests = true,
  }: { isCommit?: (seq: bigint) => boolean; checkDigests?: boolean } = {}) {
    this.#isCommit = isCommit;
    this.#checkDigests = checkDigests;
  }

  /** A new stream begins at `cursor`. */
  reconnect(): void {
    this.frames = [];
    this.#seen = new Map();
    this.#begun = false;
    this.#snapshot = null;
  }

  get inSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  /** The first frames, without the policy, which comes with the ids alone. */
  first(count: number): FeedResponse['frame'][] {
    const frames = this.frames.map(({ frame }) => frame);
    return frames.filter((frame) => frame.case !== 'policy').slice(0, count);
  }

  cases(): (string | undefined)[] {
    return this.frames.map(({ frame }) => frame.case);
  }

  take(response: FeedResponse): void {
    const { frame } = response;
    this.frames.push(response);
    expect(this.#begun, 'hello comes first, once').toBe(frame.case !== 'hello');
    switch (frame.case) {
      case 'hello':
        this.#begun = true;
        if (frame.value.mode === Hello_Mode.SNAPSHOT) this.#drop();
        return;
      case 'reset':
        this.#drop();
        return;
      case 'snapshotBegin':
        expect(this.position).toBe(0n);
        this.#snapshot = frame.value.id;
        return;
      case 'snapshotEnd':
        expect(frame.value.id).toBe(this.#snapshot);
        this.#snapshot = null;
        this.cursor = frame.value.cursor;
        this.#checkDigest(frame.value.digest);
        return;
      case 'changes':
        this.#change(frame.value);
        return;
      case 'heartbeat':
        expect(frame.value.throughSeq).toBeGreaterThanOrEqual(this.position);
        expect(this.#isCommit(frame.value.throughSeq), 'Atomic').toBe(true);
        this.position = frame.value.throughSeq;
        this.cursor = frame.value.cursor;
        this.#checkDigest(frame.value.digest);
        return;
      case 'goAway':
        this.cursor = frame.value.cursor;
        return;
      case undefined:
        throw new Error('an empty frame');
    }
  }

  #change(changes: { prevSeq: bigint; throughSeq: bigint; cursor: Uint8Array; records: FeedRecord[] }): void {
    expect(changes.prevSeq, 'Reliable').toBe(this.position);
    expect(changes.throughSeq).toBeGreaterThan(changes.prevSeq);
    let last = changes.prevSeq + 1n;
    for (const record of changes.records) {
      const key = `${record.parkId}/${record.driverId}`;
      expect(record.seq >= last && record.seq <= changes.throughSeq, 'Ordered').toBe(true);
      expect(record.seq > (this.#seen.get(key) ?? 0n), 'Unique').toBe(true);
      last = record.seq;
      this.#seen.set(key, record.seq);
      if (record.deleted) this.copy.delete(key);
      else this.copy.set(key, record);
    }
    this.position = changes.throughSeq;
    this.cursor = changes.cursor;
  }

  #drop(): void {
    this.copy.clear();
    this.#seen.clear();
    this.position = 0n;
  }

  #checkDigest(digest: Digest | undefined): void {
    if (!digest || !this.#checkDigests) return;
    const told = { sums: Buffer.from(digest.sums).toString('hex'), counts: Buffer.from(digest.counts).toString('hex') };
    expect(told, 'Bookmarkable').toEqual(digestOf(this.copy.values()));
  }
}
