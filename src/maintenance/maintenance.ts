import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { deleteDriverAnswers } from '../store/driver-answers.ts';
import { deleteFullBudgets } from '../store/id-attempts.ts';
import { lead, resign } from '../store/leaders.ts';
import { deleteLicenceChanges } from '../store/licence-changes.ts';
import {
  deleteAccounts,
  deleteAudit,
  deleteEventEnds,
  deleteFeedLog,
  deleteOfflineStates,
  deleteOutages,
  deleteQuarantine,
  deleteRules,
  deleteStepBacks,
  dropPartitions,
  type EndKey,
  makePartitions,
  type StateKey,
} from '../store/retention.ts';
import { deleteSupplyChanges } from '../store/supply-changes.ts';
import { deleteSupplyHistory } from '../store/supply-figures.ts';
import { collectTombstones, markNow, seqBefore } from '../store/tombstones.ts';
import { vacuumChurning } from '../store/vacuum.ts';
import { openGauges } from './gauges.ts';

/**
 * Keeps the database in shape, on one elected instance: partitions made ahead, every table shrunk by its stated retention in small bites, the
 * place of dead rows freed where there are many, and the gauges that only the database can answer. Nothing of the service's work depends on it within days.
 */
export type Maintenance = AsyncDisposable & {
  /** One whole round, whether or not this instance leads. Returns how many rows and partitions went. */
  runOnce(signal: AbortSignal): Promise<number>;
};

export type MaintenanceLimits = {
  periodMs: number;
  journalDays: number;
  quarantineDays: number;
  auditDays: number;
  feedLogMs: number;
  accountDays: number;
  licenceChangeDays: number;
  driverAnswerDays: number;
  tombstoneDays: number;
  supplyMinuteDays: number;
  supplyHourDays: number;
  supplyChangesMs: number;
  /** How often it is looked where dead rows are to be freed. */
  vacuumMs: number;
  gaugeMs: number;
};

export type MaintenanceParts = {
  db: Db;
  limits: MaintenanceLimits;
  instance: string;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const LEADER = 'maintenance';
const BITE = 5_000;
const DAYS_AHEAD = 4;
const KEPT_RULES = 100;
const FIRST_STATE: StateKey = { parkId: '', driverId: '' };
const FIRST_END: EndKey = { ...FIRST_STATE, outcome: '' };
/** Intake refuses events older than that, so what guards against their replay may go then. */
const REPLAY_HORIZON_DAYS = 7;

export function openMaintenance(parts: MaintenanceParts): Maintenance {
  const { db, limits, instance, lifetime, clock, metrics } = parts;
  const log = parts.log.child({ part: 'maintenance' });
  const removed = metrics.counter('maintenance_removed_total', 'Rows and partitions removed by retention', [
    'what',
  ] as const);

  let nextAccount = '';
  let nextState: StateKey = FIRST_STATE;
  let nextEnd: EndKey = FIRST_END;

  const eat = async (what: string, bite: () => Promise<number>, signal: AbortSignal): Promise<number> => {
    let sum = 0;
    for (let n = BITE; n >= BITE && !signal.aborted; sum += n) n = await bite();
    if (sum > 0) removed.inc({ what }, sum);
    return sum;
  };

  /** One page of accounts a round: looking at all of them takes hours, and nothing is in a hurry. */
  const eatAccounts = async (): Promise<number> => {
    const { deleted, last } = await deleteAccounts(db, limits.accountDays, nextAccount, BITE);
    nextAccount = last ?? '';
    if (deleted > 0) removed.inc({ what: 'reports' }, deleted);
    return deleted;
  };

  /** The same of the states of profiles. */
  const eatStates = async (): Promise<number> => {
    const { deleted, next } = await deleteOfflineStates(db, REPLAY_HORIZON_DAYS, nextState, BITE);
    nextState = next ?? FIRST_STATE;
    if (deleted > 0) removed.inc({ what: 'driver_states' }, deleted);
    return deleted;
  };

  /** The same of the ends of events. */
  const eatEnds = async (): Promise<number> => {
    const { deleted, next } = await deleteEventEnds(db, limits.journalDays, nextEnd, BITE);
    nextEnd = next ?? FIRST_END;
    if (deleted > 0) removed.inc({ what: 'event_ends' }, deleted);
    return deleted;
  };

  const runOnce = async (signal: AbortSignal): Promise<number> => {
    await makePartitions(db, DAYS_AHEAD);
    await markNow(db);
    const old = await seqBefore(db, limits.tombstoneDays);
    const bites: [string, () => Promise<number>][] = [
      ['quarantine', () => deleteQuarantine(db, limits.quarantineDays, BITE)],
      ['audit', () => deleteAudit(db, limits.auditDays, BITE)],
      ['step_backs', () => deleteStepBacks(db, limits.auditDays, BITE)],
      ['outages', () => deleteOutages(db, limits.journalDays, BITE)],
      ['licence_changes', () => deleteLicenceChanges(db, limits.licenceChangeDays, BITE)],
      ['driver_answers', () => deleteDriverAnswers(db, limits.driverAnswerDays, BITE)],
      ['id_attempts', () => deleteFullBudgets(db, BITE)],
      ['supply_changes', () => deleteSupplyChanges(db, limits.supplyChangesMs, BITE)],
      ['supply_minutes', () => deleteSupplyHistory(db, 'minute', limits.supplyMinuteDays, BITE)],
      ['supply_hours', () => deleteSupplyHistory(db, 'hour', limits.supplyHourDays, BITE)],
      ['feed_log', () => deleteFeedLog(db, limits.feedLogMs, BITE)],
      ['tombstones', () => inTransaction(db, (tx) => collectTombstones(tx, old, BITE))],
    ];
    let sum =
      (await dropPartitions(db, ['journal', 'session_history'], limits.journalDays)) +
      (await dropPartitions(db, ['supply_intervals'], limits.supplyMinuteDays));
    if (sum > 0) removed.inc({ what: 'partitions' }, sum);
    for (const [what, bite] of bites) sum += await eat(what, bite, signal);
    sum += (await eatAccounts()) + (await eatStates()) + (await eatEnds()) + (await deleteRules(db, KEPT_RULES));
    return sum;
  };

  const gauges = openGauges(db, metrics);
  const timer = metrics.timer('maintenance');
  const led = (work: (signal: AbortSignal) => Promise<unknown>) => async (signal: AbortSignal) => {
    if ((await lead(db, LEADER, instance, 2 * limits.periodMs)) === null) gauges.clear();
    else await work(signal);
    return 'idle' as const;
  };
  const common = { lifetime, clock, log, timer };
  const loops = [
    startLoop({ ...common, name: 'retention', pauseMs: limits.periodMs, runOnce: led(runOnce) }),
    startLoop({ ...common, name: 'vacuum', pauseMs: limits.vacuumMs, runOnce: led(() => vacuumChurning(db)) }),
    startLoop({ ...common, name: 'gauges', pauseMs: limits.gaugeMs, runOnce: led(() => gauges.read()) }),
  ];

  return {
    runOnce,
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
      await resign(db, LEADER, instance).catch(() => {});
    },
  };
}
