import type { Policy } from '../../verdict/verdict.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { answerPreview, askPreview, nextPreview, readPreview } from '../store/previews.ts';
import type { Census } from './census.ts';
import { type Preview, previewOf } from './preview.ts';

/**
 * Previews of policies on any instance. The one that counts answers, its own questions at once and the others' through a table of the database. One
 * preview is made at a time.
 */
export type Previews = AsyncDisposable & {
  /** What a policy, as it would be stored, would do; null: nobody answered in time. Throws what the database throws. */
  ask(stored: object, signal: AbortSignal): Promise<Preview | null>;
  /** Answers what is asked, if this instance counts. */
  runOnce(): Promise<void>;
};

export type PreviewParts = {
  db: Db;
  census(): Census | null;
  /** A stored policy, in the regions as they are. */
  policyOf(stored: object): Policy;
  pollMs?: number;
  /** See `previewOf`. */
  mostIntervals?: number;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const ASK_EVERY_MS = 50;
const PATIENCE_MS = 10_000;
const KEEP_MS = 600_000;

export function openPreviews(parts: PreviewParts): Previews {
  const { db, census, policyOf, pollMs = 1_000, mostIntervals, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'supply' });
  const timer = metrics.timer('supply');
  let last: Promise<unknown> = Promise.resolve();

  const make = (people: Census, stored: object): Promise<Preview> => {
    const made = last.then(() =>
      timer.measure('preview', () => previewOf(db, people, policyOf(stored), clock.now(), mostIntervals)),
    );
    last = made.catch(() => {});
    return made;
  };

  const answerOne = async (people: Census): Promise<boolean> => {
    const asked = await nextPreview(db, PATIENCE_MS);
    if (!asked) return false;
    await answerPreview(db, asked.id, await make(people, asked.policy), KEEP_MS);
    return true;
  };

  const runOnce = async (): Promise<void> => {
    const people = census();
    if (!people) return;
    while (await answerOne(people));
  };

  const ask = async (stored: object, signal: AbortSignal): Promise<Preview | null> => {
    const people = census();
    if (people) return make(people, stored);
    const id = await askPreview(db, stored);
    const end = clock.monotonic() + PATIENCE_MS;
    for (;;) {
      const answer = await readPreview(db, id);
      if (answer) return answer as Preview;
      if (signal.aborted || clock.monotonic() >= end) return null;
      await clock.sleep(ASK_EVERY_MS, signal);
    }
  };

  const loop = startLoop({
    name: 'previews',
    pauseMs: pollMs,
    async runOnce() {
      await runOnce();
      return 'idle';
    },
    lifetime,
    clock,
    log,
    timer,
  });
  return { ask, runOnce, [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}
