import { createSecretKey } from 'node:crypto';
import type { Personal } from '../clients/personal.ts';
import type { Trackstory } from '../clients/trackstory.ts';
import { candidates } from '../domain/eligibility.ts';
import type { OwnedProfile } from '../domain/report.ts';
import type { Regulator } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type ClaimedLook, claim, claimStale, release } from '../store/claim.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { writeIntents } from '../store/intent.ts';
import { route } from '../store/route.ts';
import { settle } from '../store/settle.ts';
import { openDelayMeter } from './delay.ts';
import { openDrift } from './drift.ts';
import { openExchanges } from './exchange.ts';
import { type FailoverWatchLimits, openFailoverWatch } from './failover.ts';
import { openPace } from './pace.ts';
import { openPause } from './pause.ts';
import { freshPositions } from './positions.ts';
import { openRecheck } from './recheck.ts';
import { openRulesReader } from './rules-reader.ts';
import { openSettledMeter } from './settled-meter.ts';
import { openSharedGate } from './shared-gate.ts';
import { openSweep, type SweepLimits } from './sweep.ts';
import { openWorker, type WorkerLimits } from './worker.ts';

/**
 * LOOP 2: from the queue to the regulator. Route hands due rows to accounts; claim takes due accounts under a lease; a worker brings each to
 * its end; the sweep finds what no event tells.
 *
 * Guarantees: per deptrans id at most one call that can still take effect, as long as a call lives no longer than `quietMs` after its deadline;
 * what we believe of the regulator changes only with its answer; nothing is lost when a process dies at any line. Not guaranteed: that every
 * event is reported: a level that came and went between two looks is settled without a call.
 */
export type Delivery = AsyncDisposable & {
  /** For tests: routes, claims and works until nothing is due; returns how many accounts were looked at. */
  runOnce(signal?: AbortSignal): Promise<number>;
  /** One whole sweep; returns how many accounts it woke. */
  sweepOnce(signal?: AbortSignal): Promise<number>;
  /** Asks about changes of licence until none is due; returns how many questions that were. */
  recheckOnce(signal?: AbortSignal): Promise<number>;
  /** Starts the loops. */
  start(): void;
};

export type DeliveryLimits = WorkerLimits &
  SweepLimits &
  FailoverWatchLimits & {
    leaseMs: number;
    maxInFlight: number;
    maxRate: number;
    startRate: number;
    failuresToShut: number;
    probeMs: number;
    personRetryMs: number;
    positionMaxAgeMs: number;
    pauseMs: number;
    settleLingerMs: number;
    /** Accounts compared with the regulator's own answer a day. */
    driftPerDay: number;
  };

export type DeliveryParts = {
  db: Db;
  regulator: Regulator;
  trackstory: Trackstory;
  personal: Pick<Personal, 'licenceNumbers'>;
  limits: DeliveryLimits;
  /** Which of the balance's slots this instance writes. */
  slot: string;
  /** Names this instance in elections. */
  instance: string;
  /** Key of the hash under which deptrans ids stand in the journal. */
  journalKey: string;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/** Accounts in the hands of this instance at once, as a multiple of its calls: claimed ahead, being called, being settled. */
const MOST_IN_HAND = 8;
const CLAIM_LINGER_MS = 5;

export function openDelivery(parts: DeliveryParts): Delivery {
  const { db, regulator, trackstory, limits, slot, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'delivery' });
  const timer = metrics.timer('delivery');
  const rules = openRulesReader(db);
  const pace = openPace({
    ...limits,
    clock,
    gate: openSharedGate(db, regulator.name, limits),
    onChange: (answering) => log.warn({ regulator: regulator.name, answering }, 'the regulator changed'),
  });
  const pause = openPause(db, metrics, log);
  const measureDelay = openDelayMeter(db, regulator.name, metrics);
  const countSettled = openSettledMeter(metrics);
  const readings = metrics.counter('delivery_readings_total', 'Readings of the regulator', ['result'] as const);
  metrics.gauge('delivery_in_flight', 'Accounts claimed whose call has not ended', [], (gauge) =>
    gauge.set(pace.inFlight),
  );
  metrics.gauge('delivery_allowed_rate', 'Calls a second that the cluster may make', [], (gauge) =>
    gauge.set(pace.rate),
  );

  const worker = openWorker({
    exchanges: openExchanges(regulator, pace, clock, limits.slackMs),
    writeIntents: (intents) => writeIntents(db, intents),
    async settle(items) {
      const result = await inTransaction(db, (tx) => settle(tx, items, { slot, maxAgeMs: limits.maxAgeMs }));
      await measureDelay(items).catch((err) => log.warn({ err }, 'delays not measured'));
      countSettled(items, result);
    },
    settleLingerMs: () => (pace.inFlight > 0 ? limits.settleLingerMs : 0), // company comes only from calls under way
    limits,
    journalKey: createSecretKey(parts.journalKey, 'utf8'),
    clock,
    onReading: (result) => readings.inc({ result }),
    onFailure: (looks, err) => log.error({ err, tokens: looks.map(({ token }) => token) }, 'looks failed'),
    pace,
  });
  const working = new Set<Promise<void>>();
  let inHand = 0; // accounts claimed together count until the last of them is settled

  /** What claimed accounts are judged by. */
  const factsFor = async (looks: readonly ClaimedLook[], rulesVersion: number, signal: AbortSignal) => {
    const now = looks[0]!.now;
    const inForce = await rules.at(rulesVersion);
    const asked: OwnedProfile[] = [];
    for (const look of looks) asked.push(...candidates(look, inForce, limits));
    const options = { now, maxAgeMs: limits.positionMaxAgeMs, log, metrics, signal };
    return { rules: inForce, positions: await freshPositions(trackstory, asked, options) };
  };

  /** Nothing here holds the looks longer than the worker does. */
  const work = (looks: readonly ClaimedLook[], rulesVersion: number, signal: AbortSignal): Promise<void> => {
    const accounts = looks.length;
    pace.enter(accounts);
    inHand += accounts;
    return factsFor(looks, rulesVersion, signal)
      .then(
        ({ rules, positions }) => worker.workOn(looks, rules, positions, signal),
        (err) => {
          log.error({ err }, 'claim failed');
          for (let i = 0; i < accounts; i++) pace.leave(true);
        },
      )
      .finally(() => {
        inHand -= accounts;
      });
  };

  /** Claims what may be claimed and starts to work on it. Returns how many accounts that were, -1 if none may be claimed now. */
  const claimSome = async (signal: AbortSignal): Promise<number> => {
    const wanted = Math.min(limits.batch, MOST_IN_HAND * limits.maxInFlight - inHand);
    if (wanted <= 0 || !pace.hasRoom()) return -1;
    if (await pause.isOn()) return 0;
    const permits = await pace.permits(wanted, regulator.capabilities.maxBatch);
    if (permits === 0) return -1;
    const claimDue = async (tx: Db) => {
      const due = await claim(tx, permits, limits.leaseMs);
      if (due.looks.length > 0 || !limits.canReadSession) return due;
      return claimStale(tx, permits, limits.leaseMs, limits.refreshMs);
    };
    const { looks, rulesVersion } = await inTransaction(db, claimDue, { asyncCommit: true });
    if (looks.length === 0) return 0;
    if (lifetime.stopping.aborted) {
      await release(
        db,
        looks.map((look) => look.token),
      );
      return 0;
    }
    const task = work(looks, rulesVersion, signal).finally(() => working.delete(task));
    working.add(task);
    return looks.length;
  };

  const claimRound = async (signal: AbortSignal): Promise<'more' | 'idle'> => {
    const claimed = await claimSome(signal);
    if (claimed > 0) return 'more';
    if (claimed === 0 || lifetime.stopping.aborted) return 'idle';
    await pace.ready(lifetime.stopping);
    await clock.sleep(Math.min(limits.settleLingerMs, CLAIM_LINGER_MS)); // what ends together is claimed together
    return 'more';
  };

  const routeRound = async (): Promise<'more' | 'idle'> => {
    const { batch: limit, personRetryMs, maxAgeMs } = limits;
    const options = { limit, personRetryMs, maxAgeMs, slot: `${slot}/route` };
    const routed = await inTransaction(db, (tx) => route(tx, options), { asyncCommit: true });
    return routed === limit ? 'more' : 'idle';
  };

  const drift = openDrift({ ...parts, regulator: regulator.name, perDay: limits.driftPerDay });
  const watchFailover = openFailoverWatch(db, { limits, log, metrics });
  const sweep = openSweep({ ...parts, log, rules });
  const recheck = openRecheck({ ...parts, pace, log });
  const loops: AsyncDisposable[] = [];

  return {
    async runOnce(signal = lifetime.aborting) {
      let looked = 0;
      await watchFailover();
      for (;;) {
        while ((await routeRound()) === 'more');
        const claimed = await claimSome(signal);
        await Promise.all(working);
        if (claimed <= 0) return looked;
        looked += claimed;
      }
    },
    sweepOnce: (signal = lifetime.aborting) => sweep.runOnce(signal),
    async recheckOnce(signal = lifetime.aborting) {
      let asked = 0;
      while ((await recheck.round(signal)) === 'more') asked += 1;
      return asked;
    },
    start() {
      const common = { lifetime, clock, log, timer, pauseMs: limits.pauseMs };
      loops.push(
        startLoop({ ...common, name: 'route', runOnce: routeRound }),
        startLoop({ ...common, name: 'claim', runOnce: claimRound }),
        startLoop({ ...common, name: 'failover', runOnce: watchFailover, pauseMs: limits.sweepLookMs }),
        startLoop({ ...common, name: 'drift', runOnce: drift.round, pauseMs: limits.sweepLookMs }),
        startLoop({ ...common, name: 'recheck', runOnce: recheck.round, pauseMs: limits.sweepLookMs }),
        startLoop({ ...common, name: 'sweep', runOnce: sweep.round, pauseMs: limits.sweepLookMs }),
      );
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
      await Promise.all(working);
      await Promise.all([sweep, drift, recheck].map((elected) => elected[Symbol.asyncDispose]()));
    },
  };
}
