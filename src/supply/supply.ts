import { setImmediate } from 'node:timers/promises';
import type { Trackstory } from '../clients/trackstory.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { lead, resign } from '../store/leaders.ts';
import type { RegionReading } from '../store/region-readings.ts';
import { readRules } from '../store/rules.ts';
import { Census, type CensusLimits, type Policies } from './census.ts';
import { type Followed, followCensus, loadCensus } from './follow.ts';
import { openGauges } from './gauges.ts';
import { type History, openHistory } from './history.ts';
import { findPlaces, type PlaceLimits } from './places.ts';
import { readingsOf, standingOf } from './readings.ts';

export type { Policies } from './census.ts';
export type { RegionFigures, Sum, TariffFigures } from './figures.ts';
export { HOUR, joinStretches, MINUTE } from './history.ts';
export type { BlockedProfile, Preview, RegionPreview } from './preview.ts';
export { openPreviews, type Previews } from './previews.ts';

/**
 * The loss of supply: how many of those who are connected the checks take off the road, and how many they would if everybody were blocked who fails. One
 * elected instance counts, by changes alone, and writes what it finds for all.
 *
 * Guarantees: when nothing has changed for two seconds (and trackstory was asked), the figures are what a count of everybody would give, by one version of
 * the policy, whatever was restarted or killed; the event loop is held for some milliseconds at most. Not guaranteed: that time is counted while
 * nobody leads; the history says for how much of each minute somebody counted.
 */
export type Supply = AsyncDisposable & {
  /** A round of counting. */
  runOnce(signal: AbortSignal): Promise<void>;
  /** A round of asking where people are. Returns for how many. */
  findPlaces(signal: AbortSignal): Promise<number>;
  /** Everybody, on the instance that counts, once it has counted; else null. See `Census`. */
  census(): Census | null;
  /** What a region's limits are compared with, if this instance counts; else null. */
  readings(): RegionReading[] | null;
};

export type SupplyLimits = CensusLimits &
  PlaceLimits & {
    pollMs: number;
    /** How long others wait when the one who counts is gone. */
    leaseMs: number;
    /** How often the minute in hand is written. */
    minuteMs: number;
    /** Who did not follow for longer counts anew. Less than changes are kept for. */
    lostMs: number;
  };

export type SupplyParts = {
  db: Db;
  trackstory: Trackstory;
  inForce(): Policies;
  limits: SupplyLimits;
  instance: string;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** Rounds are made by whoever calls `runOnce` and `findPlaces` alone. */
  byHand?: boolean;
};

const LEADER = 'supply';

export function openSupply(parts: SupplyParts): Supply {
  const { db, trackstory, inForce, limits, instance, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'supply' });
  const gauges = openGauges(metrics);
  const odd = metrics.counter('oddities_total', 'What others said that cannot be true', ['of', 'what'] as const);
  const told = (what: string) => odd.inc({ of: 'trackstory', what });
  let followed: Followed | null = null;
  let history: History | null = null;
  let policies: Policies | null = null;
  let term: number | null = null;
  let ledAt = Number.NEGATIVE_INFINITY;
  let followedAt = 0;
  let minuteWrittenAt = Number.NEGATIVE_INFINITY;
  let silent: number[] = [];

  const standDown = () => {
    followed = null;
    history = null;
    term = null;
    gauges.clear();
  };

  /** Whether this instance counts. */
  const leads = async (): Promise<boolean> => {
    if (term !== null && clock.monotonic() - ledAt < limits.leaseMs / 4) return true;
    const at = clock.monotonic();
    const taken = await lead(db, LEADER, instance, limits.leaseMs);
    if (taken === null) standDown();
    // Nobody else has led in between if the term is ours or the next after it.
    else if (term !== null && taken > term + 1) standDown();
    term = taken;
    ledAt = at;
    return taken !== null;
  };

  /** Looks by the policy in force. */
  const look = async (census: Census): Promise<void> => {
    const now = inForce();
    if (now.compiled === policies?.compiled && now.asPut === policies.asPut) return;
    census.judgeBy(now, (await readRules(db)).regions, clock.now());
    policies = now;
  };

  const follow = async (signal: AbortSignal): Promise<Followed> => {
    const isLost = clock.now() - followedAt > limits.lostMs;
    const at = clock.now();
    const next = followed && !isLost ? await followCensus(db, followed, silent, clock.now) : null;
    followedAt = at;
    silent = [];
    if (next) return next;
    const census = new Census(limits);
    policies = null;
    history = null;
    await look(census);
    const began = clock.monotonic();
    const loaded = await loadCensus(db, census, clock.now, signal);
    log.info({ people: census.size, tookMs: Math.round(clock.monotonic() - began) }, 'everybody counted');
    return loaded;
  };

  /** Lets what happens by itself happen, with a turn for others after each slice. */
  const advance = async (census: Census, now: number): Promise<void> => {
    for (;;) {
      const { silent: fell, more } = census.advance(now);
      silent.push(...fell);
      if (!more) return;
      await setImmediate();
    }
  };

  const runOnce = async (signal: AbortSignal): Promise<void> => {
    if (!(await leads())) return;
    if (followed && history && clock.now() - followedAt <= limits.lostMs) await endMinutes(followed.census, history);
    if (term === null) return;
    followed = await follow(signal);
    const { census } = followed;
    await look(census);
    const now = clock.now();
    await advance(census, now);
    history ??= await openHistory({ db, leader: LEADER, term: () => term ?? 0, census }, now);
    const standing = standingOf(census, now);
    if (!(await history.writeNow(now, standing))) return standDown();
    gauges.show(standing);
    if (clock.monotonic() - minuteWrittenAt < limits.minuteMs || now >= history.minuteEnds) return;
    minuteWrittenAt = clock.monotonic();
    await history.writeMinute(now);
  };

  /** The minutes that are over, each as it was at its end. */
  const endMinutes = async (census: Census, { writeMinute }: History): Promise<void> => {
    while (history && clock.now() >= history.minuteEnds) {
      await advance(census, history.minuteEnds);
      if (!(await writeMinute(clock.now()))) standDown();
    }
  };

  const places = async (signal: AbortSignal): Promise<number> =>
    followed && history ? findPlaces(followed.census, trackstory, limits, { now: clock.now, told }, signal) : 0;

  const common = { lifetime, clock, log, timer: metrics.timer('supply') };
  const loops = parts.byHand
    ? []
    : [
        startLoop({
          ...common,
          name: 'count',
          pauseMs: limits.pollMs,
          runOnce: async (signal) => {
            await runOnce(signal);
            return 'idle';
          },
        }),
        startLoop({
          ...common,
          name: 'places',
          pauseMs: 1_000,
          runOnce: async (signal) => {
            await places(signal);
            return 'idle';
          },
        }),
      ];

  return {
    runOnce,
    findPlaces: places,
    census: () => (history ? (followed?.census ?? null) : null),
    readings: () =>
      history && followed?.census.isSettled ? readingsOf(followed.census, clock.now(), followedAt) : null,
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
      await resign(db, LEADER, instance).catch(() => {});
    },
  };
}
