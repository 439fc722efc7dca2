import type { Categories } from '../clients/categories.ts';
import type { Profiles } from '../clients/profiles.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { lead, resign } from '../store/leaders.ts';
import type { MirrorKey } from '../store/mirror-rows.ts';
import { readStream, type StreamName, type StreamState } from '../store/mirror-streams.ts';
import { categoriesStream } from './categories.ts';
import { profilesStream } from './profiles.ts';
import { openRevisions } from './revisions.ts';
import { type StreamKind, stepStream } from './stream.ts';

/**
 * The neighbours' data kept as our own: who is behind a profile (driver-profiles) and by which tariffs it works (driver-categories-api).
 *
 * Guarantees: one instance at a time asks and writes; a change is written with its number for the feed and with the wakes of all
 * accounts that it concerns, all in one transaction; reading goes on where the database says, page by page; when a neighbour forgets our
 * position everything is read again, and what was not seen is gone. A restart needs no neighbour, unless our copy is too old.
 * Not guaranteed: that a page whose rows cannot be read in part is asked for again; such rows are counted and left as they were.
 */
export type Mirror = AsyncDisposable & {
  /** Null once this instance may work with the copy, else why not. It stays null: growing older while we run stops nothing. */
  ready(): string | null;
};

export type MirrorLimits = {
  pollMs: number;
  pageLimit: number;
  /** A copy older than this at the start is not worked with. */
  maxAgeMs: number;
  leaseMs: number;
};

export type MirrorParts = {
  db: Db;
  profiles: Profiles;
  categories: Categories;
  limits: MirrorLimits;
  /** The name of this instance. */
  instance: string;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const leadership = 'mirror';

export function openMirror(parts: MirrorParts): Mirror {
  const { db, limits, instance, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'mirror' });
  const age = metrics.gauge('mirror_age_seconds', 'Time since the neighbour last said that nothing is newer', [
    'stream',
  ]);
  const counted = metrics.counter('mirror_total', 'Pages and rows of neighbours, and what they do wrong', [
    'stream',
    'what',
  ]);
  const reasons = new Map<StreamName, string | null>([
    ['profiles', 'The copy of driver-profiles has not been looked at yet.'],
    ['categories', 'The copy of driver-categories-api has not been looked at yet.'],
  ]);

  const past = { profiles: openRevisions(), categories: openRevisions() };

  const look = async (stream: StreamName): Promise<void> => {
    const state = await readStream(db, stream);
    if (state.ageMs !== null) age.set({ stream }, state.ageMs / 1000);
    if (reasons.get(stream) !== null) reasons.set(stream, reasonAgainst(stream, state, limits.maxAgeMs));
  };

  const start = <Row extends MirrorKey>(kind: StreamKind<Row>) =>
    startLoop({
      name: kind.name,
      pauseMs: limits.pollMs,
      lifetime,
      clock,
      log,
      timer: metrics.timer('mirror'),
      async runOnce(signal) {
        await look(kind.name);
        const term = await lead(db, leadership, instance, limits.leaseMs);
        if (term === null) return 'idle';
        const { pageLimit } = limits;
        const found = await stepStream(
          { db, pageLimit, leadership, counted, past: past[kind.name] },
          kind,
          term,
          signal,
        );
        await look(kind.name);
        return found;
      },
    });

  const loops = [start(profilesStream(parts.profiles)), start(categoriesStream(parts.categories))];
  return {
    ready: () => [...reasons.values()].find((reason) => reason !== null) ?? null,
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
      await resign(db, leadership, instance).catch((err: unknown) => log.warn({ err }, 'leadership not given up'));
    },
  };
}

const neighbours: Record<StreamName, string> = { profiles: 'driver-profiles', categories: 'driver-categories-api' };

function reasonAgainst(stream: StreamName, { complete, ageMs }: StreamState, maxAgeMs: number): string | null {
  const neighbour = neighbours[stream];
  if (!complete || ageMs === null) return `The first load of ${neighbour} has not ended.`;
  if (ageMs > maxAgeMs) return `The copy of ${neighbour} is ${Math.round(ageMs / 3600_000)} hours old.`;
  return null;
}
