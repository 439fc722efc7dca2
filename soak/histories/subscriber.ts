import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../simulator/random.ts';
import type { Bookmark } from './history.ts';
import type { Kept, Recorded, Recording, Tape } from './tape.ts';
import { readStream } from './wire.ts';

/** How a subscriber lives: it stays; leaves without a word; comes back with an old copy; goes to another instance; stops reading for long. */
export const WAYS = ['stays', 'vanishes', 'falls back', 'moves', 'does not read'] as const;
export type Way = (typeof WAYS)[number];

export type Surroundings = {
  /** The instances' addresses. */
  urls: readonly string[];
  tape: Tape;
  random: Random;
  /** The newest commit, once there will be no other; then everybody reads on until they are there, and leaves. */
  lastCommit: () => number | null;
  signal: AbortSignal;
};

const NOWHERE = new Uint8Array(0);

/** A subscriber that records all it sees, until it has seen the last commit. */
export async function subscribe(history: Recorded, way: Way, surroundings: Surroundings): Promise<void> {
  const { urls, tape, random, lastCommit, signal } = surroundings;
  const bookmarks: Bookmark[] = [];
  let newest: Bookmark | null = null;
  let last: Kept['case'] | null = null;
  let url = random.pick(urls);
  while (!isThere()) {
    signal.throwIfAborted();
    const from =
      way === 'falls back' && bookmarks.length > 0 && lastCommit() === null ? random.pick(bookmarks) : newest;
    if (way === 'moves' || random.chance(0.3)) url = random.pick(urls);
    const s = history.streams.length;
    const stream: Recording = { from, atMs: [], places: [], end: 'cut', isPrompt: way !== 'does not read' };
    history.streams.push(stream);
    stream.end = await record(stream, s);
    await pause(50 + random.int(400), undefined, { signal });
  }

  function isThere(): boolean {
    const end = lastCommit();
    return end !== null && newest !== null && newest.position >= end && last === 'heartbeat';
  }

  function cursorOf(from: Bookmark | null): Uint8Array {
    return from ? tape.cursorAt(history.streams[from.stream]!.places[from.frame]!) : NOWHERE;
  }

  /** Reads nothing for so long, or until there is nothing more to come. */
  async function idle(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until && lastCommit() === null) await pause(100, undefined, { signal });
  }

  /** One stream, for as long as this kind of life has it. Returns how it ended. */
  async function record(stream: Recording, s: number): Promise<string> {
    const leaving = new AbortController();
    const either = AbortSignal.any([signal, leaving.signal]);
    const stayMs = way === 'stays' || way === 'does not read' ? Number.POSITIVE_INFINITY : 500 + random.int(5_000);
    const began = performance.now();
    const asked = { url, kind: history.kind, cursor: cursorOf(stream.from), filter: history.filter };
    const messages = readStream(asked, either);
    try {
      for (;;) {
        const { value, done } = await messages.next();
        if (done) return value;
        const { place, position, case: name } = tape.keep(history.kind, value);
        last = name;
        stream.atMs.push(Date.now());
        stream.places.push(place);
        if (position !== null) {
          newest = { stream: s, frame: stream.places.length - 1, position };
          if (random.chance(0.02)) bookmarks.push(newest);
        }
        if (isThere()) return 'cut';
        if (lastCommit() !== null) continue;
        if (way === 'does not read' && random.chance(0.02)) await idle(2_000 + random.int(35_000));
        if (performance.now() - began > stayMs) return 'cut';
      }
    } finally {
      leaving.abort();
      await messages.return('cut');
    }
  }
}
