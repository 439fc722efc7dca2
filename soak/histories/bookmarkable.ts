import type { Digest } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { Hello_Mode } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { Frame, History, Told } from './history.ts';
import { itemOf, sumWith, sumWithout, type Truth, type Version } from './truth.ts';

type Entry = { item: number; version: Version | undefined };

/** A subscriber's copy as its records make it, with the sum of it all and the contract's digest kept up. */
class Copy {
  readonly #truth: Truth;
  #entries = new Map<string, Entry>();
  #sums = new BigUint64Array(256);
  #counts = new Uint32Array(256);
  sum = 0;
  position = 0;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  clone(): Copy {
    const copy = new Copy(this.#truth);
    copy.#entries = new Map(this.#entries);
    copy.#sums = this.#sums.slice();
    copy.#counts = this.#counts.slice();
    copy.sum = this.sum;
    copy.position = this.position;
    return copy;
  }

  take({ key, seq, deleted, value }: Told): void {
    const before = this.#entries.get(key);
    if (before) {
      this.sum = sumWithout(this.sum, before.item);
      this.#count(before, -1);
      this.#entries.delete(key);
    }
    if (deleted) return;
    const entry = { item: itemOf(key, seq, value), version: this.#truth.find(key, seq) };
    this.sum = sumWith(this.sum, entry.item);
    this.#count(entry, 1);
    this.#entries.set(key, entry);
  }

  /** Whether the digest is of this copy. */
  agrees({ sums, counts }: Digest): boolean {
    return bytesOf(this.#sums).equals(sums) && bytesOf(this.#counts).equals(counts);
  }

  #count({ version }: Entry, by: 1 | -1): void {
    if (!version) return;
    const { bucket, item } = this.#truth.digestOf(version);
    this.#sums[bucket] = this.#sums[bucket]! + (by === 1 ? item : -item); // the array takes it modulo 2^64
    this.#counts[bucket]! += by;
  }
}

/** As the wire has them; the machine is little-endian. */
function bytesOf(words: BigUint64Array | Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * At every heartbeat the copy is the database as of its number, the digest says so, and that number is no older than the heartbeat tells:
 * whatever had been known as committed `source_age_ms` before is in it. `slackMs` is what the recorder itself may have been late.
 */
export function makeBookmarkable(slackMs: number) {
  return function Bookmarkable(history: History, truth: Truth): string[] {
    const wrong: string[] = [];
    const kept = new Map<string, Copy>();
    const wanted = new Set(history.streams.flatMap(({ from }) => (from ? [nameOf(from)] : [])));
    for (const [s, { from, frames, isPrompt }] of history.streams.entries()) {
      let copy = from ? kept.get(nameOf(from))!.clone() : new Copy(truth);
      for (const [f, frame] of frames.entries()) {
        const say = (what: string) => wrong.push(`${history.name}, stream ${s}, frame ${f} (${frame.case}): ${what}`);
        if (startsAnew(frame)) copy = new Copy(truth);
        if (frame.case === 'changes') {
          for (const record of frame.records) copy.take(record);
          copy.position = frame.through;
        }
        if (frame.case === 'heartbeat') copy.position = frame.through;
        if (frame.case === 'heartbeat' || frame.case === 'snapshotEnd') {
          const sum = truth.sumAt(copy.position, history.filter);
          if (sum !== undefined && sum !== copy.sum) say(`the copy is not the database as of ${copy.position}`);
          const isDigestDue = history.filter.length === 0;
          if (isDigestDue !== (frame.digest !== undefined)) say(isDigestDue ? 'it has no digest' : 'it has a digest');
          else if (frame.digest && !copy.agrees(frame.digest)) say('the digest is not of this copy');
        }
        if (frame.case === 'heartbeat' && isPrompt) {
          const due = truth.knownBy(frame.atMs - frame.ageMs - slackMs);
          if (due > frame.through) say(`it says ${frame.ageMs} ms, but ${due} was committed before that`);
        }
        const name = nameOf({ stream: s, frame: f });
        if (wanted.has(name)) kept.set(name, copy.clone());
      }
    }
    return wrong;
  };
}

const nameOf = ({ stream, frame }: { stream: number; frame: number }) => `${stream}/${frame}`;

const startsAnew = (frame: Frame) =>
  frame.case === 'reset' || (frame.case === 'hello' && frame.mode === Hello_Mode.SNAPSHOT);
