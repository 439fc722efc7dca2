import { encodeCursor, filterHash, type StreamKind } from '../domain/cursor.ts';
import { openChunkCache } from './chunk-cache.ts';
import { type DigestBytes, openDigest } from './digest.ts';
import { bodySize, CHANGES_RECORDS, endChanges, type Frame, heartbeatFrame, openBody } from './frames.ts';
import type { Image } from './image.ts';
import { type Block, type Entry, OrderLog } from './order-log.ts';
import { type Filter, isTombstone, writeRecord } from './records.ts';
import { Ring } from './ring.ts';
import { type BySeq, first, sortBySeq } from './sort-by-seq.ts';
import type { Writer } from './wire.ts';

export type Reader = {
  filter: Filter;
  /** The filter as a cursor names it. */
  filterHash: number;
  /** Tombstones up to this seq are left out: the reader has no copy that they could be about. 0: none. */
  omitThrough: number;
};

export type Page = { through: number; count: number; hasMore: boolean };

const FRAME_BYTES = 64 * 1024;
const RING_BYTES = 8 * 1024 * 1024;
const RING_RECORDS = 4_096; // a greater batch is read from the order log
const CACHE_BYTES = 16 * 1024 * 1024;
const PAGE_ENTRIES = 50_000; // looked at for one page, shown or not

/**
 * One of the two feeds over an image: the order log with everything since 0, the ring with what is newest, the digest of it all.
 *
 * `through` is the position up to which the stream has told all there is; between two calls it is the end of a commit.
 */
export class Stream {
  readonly kind: StreamKind;
  /** Tombstones up to this seq were tombstones before this image existed, so no reader of it alone can hold their keys. */
  readonly loadedThrough: number;
  readonly ring: Ring;
  readonly #image: Image;
  readonly #epoch: string;
  readonly log = new OrderLog((no) => this.#seqOf(no));
  readonly #digest = openDigest();
  readonly #body = openBody();
  readonly #filterHash: number;
  #beats = 0;
  /** Encoded blocks: as everybody reads them, and without the tombstones that a new copy need not see. */
  readonly #whole = openChunkCache(CACHE_BYTES);
  readonly #cold = openChunkCache(CACHE_BYTES);

  /**
   * The stream of a loaded image, complete up to the commit `head`. `epoch` as in cursors. `scratch`: for all its profiles, to be used again by the
   * next.
   */
  constructor(kind: StreamKind, image: Image, epoch: string, head: number, scratch: readonly [BySeq, BySeq]) {
    this.kind = kind;
    this.loadedThrough = head;
    this.ring = new Ring(RING_BYTES, head);
    this.#image = image;
    this.#epoch = epoch;
    this.#filterHash = filterHash(kind, []);
    const { nos, seqs } = sortBySeq(this.#sumUp(scratch[0]), scratch[1]);
    for (let i = 0; i < nos.length; i++) this.log.append(nos[i]!, seqs[i]!);
  }

  get through(): number {
    return this.ring.through;
  }

  /** Live records. */
  get count(): number {
    return this.#digest.count;
  }

  digest(): DigestBytes {
    return this.#digest.bytes();
  }

  /** Whether the digest's sum of a bucket is what the image's records give. */
  isSummed(bucket: number): boolean {
    const { profiles } = this.#image;
    const fresh = openDigest();
    for (const no of profiles.inBucket(bucket)) {
      if (this.#image.isLive(this.kind, no)) fresh.add(profiles.hashLo(no), profiles.hashHi(no), this.#seqOf(no));
    }
    return this.#digest.equals(fresh, bucket);
  }

  cursorAt(seq: number, filter = this.#filterHash): Uint8Array {
    return encodeCursor({ epoch: this.#epoch, seq, filter });
  }

  /** Takes a record out, before it changes. */
  withdraw(no: number): void {
    const seq = this.#seqOf(no);
    if (seq === 0) return;
    const { profiles } = this.#image;
    this.log.withdraw(no, seq);
    if (this.#image.isLive(this.kind, no)) this.#digest.remove(profiles.hashLo(no), profiles.hashHi(no), seq);
  }

  /** Puts changed records back in, as of the commit `head`, for all to see. `folded`: older versions may have been passed over. */
  publish(nos: Iterable<number>, head: number, folded: boolean): void {
    const changed = Array.from(nos, (no) => ({ no, seq: this.#seqOf(no) })).filter(({ seq }) => seq > 0);
    changed.sort((a, b) => a.seq - b.seq || a.no - b.no);
    for (const { no, seq } of changed) this.#enter(no, seq);
    this.log.compact();
    if (changed.length > RING_RECORDS) this.ring.skip(head);
    else if (changed.length > 0) this.#push(changed, head, folded);
  }

  /** Heartbeats so far. */
  get beats(): number {
    return this.#beats;
  }

  /** Adds a heartbeat for all followers; `at` is monotonic time. */
  beat(head: number, sourceAgeMs: number, at: number): void {
    this.#beats += 1;
    const digest = this.digest();
    const frame = heartbeatFrame(head, this.cursorAt(head), sourceAgeMs, digest);
    this.ring.push({ prev: this.through, through: head, frame, beat: { at, sourceAgeMs, digest } });
  }

  /** Moves `through` up to `head` where nothing changed in between. */
  advance(head: number): void {
    if (this.through < head) this.#push([], head, false);
  }

  /** The next frame after `position`, which is below `through`. */
  read(position: number, reader: Reader): { frame: Frame; through: number } {
    const block = this.log.after(position);
    if (!block || !this.log.isSealed(block)) {
      return { frame: this.#encode(block, position, this.through, reader), through: this.through };
    }
    const { through } = block;
    if (reader.filter !== null || position !== block.prev) {
      return { frame: this.#encode(block, position, through, reader), through };
    }
    const cache = block.prev < reader.omitThrough ? this.#cold : this.#whole;
    let frame = cache.get(block);
    if (!frame) {
      frame = this.#encode(block, position, through, reader);
      cache.put(block, frame);
    }
    return { frame, through };
  }

  /** Writes records after `position` as elements of the repeated `field`, about `limit` of them, and says how far that reached. */
  writePage(body: Writer, field: number, position: number, limit: number, reader: Reader): Page {
    let through = position;
    let count = 0;
    let seen = 0;
    for (let block = this.log.after(position); block; block = this.log.after(block.through)) {
      for (const { no, seq } of this.log.alive(block, position)) {
        if ((count >= limit || seen >= PAGE_ENTRIES) && seq > through) return { through, count, hasMore: true };
        through = seq;
        seen += 1;
        if (this.#isLeftOut(no, seq, reader)) continue;
        writeRecord(body, field, this.#image, this.kind, no, reader.filter);
        count += 1;
      }
    }
    return { through: Math.max(position, this.through), count, hasMore: false };
  }

  /** As `writePage`, of the records whose keys fall into one bucket of the digest. */
  writeBucket(body: Writer, field: number, position: number, limit: number, reader: Reader, bucket: number): Page {
    const entries = Array.from(this.#image.profiles.inBucket(bucket), (no) => ({ no, seq: this.#seqOf(no) }));
    const later = entries.filter((entry) => entry.seq > position && !this.#isLeftOut(entry.no, entry.seq, reader));
    later.sort((a, b) => a.seq - b.seq);
    let through = position;
    for (const [count, { no, seq }] of later.entries()) {
      if (count >= limit && seq > through) return { through, count, hasMore: true };
      writeRecord(body, field, this.#image, this.kind, no, reader.filter);
      through = seq;
    }
    return { through: Math.max(position, this.through), count: later.length, hasMore: false };
  }

  /** The records of a block after `position`, as a frame that ends at `through`. */
  #encode(block: Block | undefined, position: number, through: number, reader: Reader): Frame {
    for (const { no, seq } of block ? this.log.alive(block, position) : []) {
      if (this.#isLeftOut(no, seq, reader)) continue;
      writeRecord(this.#body, CHANGES_RECORDS, this.#image, this.kind, no, reader.filter);
    }
    const cursor = this.cursorAt(through, reader.filterHash);
    return endChanges(this.#body, { prev: position, through, cursor, compacted: true });
  }

  /** Adds changes to the ring, cut into frames between seqs. */
  #push(changed: readonly Entry[], head: number, compacted: boolean): void {
    let last = this.through;
    const end = (through: number) => {
      const frame = endChanges(this.#body, { prev: this.through, through, cursor: this.cursorAt(through), compacted });
      this.ring.push({ prev: this.through, through, frame });
    };
    for (const { no, seq } of changed) {
      if (seq > last && bodySize(this.#body) >= FRAME_BYTES) end(last);
      writeRecord(this.#body, CHANGES_RECORDS, this.#image, this.kind, no, null);
      last = seq;
    }
    end(head);
  }

  #enter(no: number, seq: number): void {
    const { profiles } = this.#image;
    this.log.append(no, seq);
    if (this.#image.isLive(this.kind, no)) this.#digest.add(profiles.hashLo(no), profiles.hashHi(no), seq);
  }

  /** Puts all live records into the digest, and gives the numbers of all profiles; in the order in which they lie in memory. */
  #sumUp(all: BySeq): BySeq {
    const { profiles } = this.#image;
    const { nos, seqs } = all;
    let count = 0;
    for (let no = 1; no < profiles.end; no++) {
      const seq = this.#seqOf(no);
      if (seq === 0) continue;
      if (this.#image.isLive(this.kind, no)) this.#digest.add(profiles.hashLo(no), profiles.hashHi(no), seq);
      nos[count] = no;
      seqs[count++] = seq;
    }
    return first(count, all);
  }

  #isLeftOut(no: number, seq: number, { filter, omitThrough }: Reader): boolean {
    return seq <= omitThrough && isTombstone(this.#image, this.kind, no, filter);
  }

  #seqOf(no: number): number {
    return this.#image.recordSeq(this.kind, no);
  }
}
