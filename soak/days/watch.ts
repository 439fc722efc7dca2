import type { RegulatorServer } from '../../simulator/regulator/regulator.ts';
import type { Driver } from './driver.ts';
import { type Due, dueOf, dueSinceMs, type Law } from './due.ts';

/** Within this of its cause the regulator must have been told. */
const inTimeMs = 60_000;
/** As much longer as one unknown outcome may take: the deadline, and the quiet time twice (a look-up may fail, too). */
const afterUnknownMs = 5_000 + 2 * 30_000;
const hopelessMs = 3_600_000;

export type Watch = {
  /** Something happened to the driver that may concern the regulator. */
  changed(driver: Driver): void;
  /** Sees for whom something else is due now, though they did nothing: a time was over, or the region was switched. */
  notice(nowMs: number): void;
  /** Compares with the regulator whoever is not yet seen to be right. */
  look(nowMs: number): void;
  /** Compares everybody, at rest. */
  lookAtAll(nowMs: number): number;
  /** Told, or not, later than is promised: connected ones not reported, and disconnected ones left open. */
  readonly missed: number;
  readonly dangling: number;
  /** Causes that are no deed of the driver: the end of the dwell or of the silence, the region. */
  readonly noticed: number;
  /** The longest from a cause to the regulator, without unknown outcomes, as seen between steps. */
  readonly slowestMs: number;
  readonly examples: readonly object[];
};

export function openWatch({ registry, calls }: RegulatorServer, drivers: readonly Driver[], law: Law): Watch {
  const awaited = new Map<Driver, number>(); // since when
  const dues = new Map<Driver, Due>();
  const late = new Set<Driver>();
  const faultAtMs = new Map<string, number>();
  const sums = { missed: 0, dangling: 0, noticed: 0, slowestMs: 0 };
  const examples: object[] = [];
  let seenCalls = 0;

  const await_ = (driver: Driver, sinceMs: number) => {
    awaited.set(driver, sinceMs);
    late.delete(driver);
  };
  const isRight = (driver: Driver, nowMs: number) => {
    const due = dueOf(driver, law, nowMs);
    const shift = registry.shift(driver.deptransId, nowMs);
    const isOpen = shift !== null && shift.endedAtMs === null;
    const isOver = registry.find(driver.deptransId)!.history.at(-1)?.what === 'over';
    return due === 'either' || isOpen === (due === 'connected') || (due === 'connected' && isOver);
  };
  /** When the regulator had been told what it knows now; null if that was before the cause, so that nothing had to be told. */
  const toldAtMs = ({ deptransId }: Driver, sinceMs: number) => {
    const last = registry.find(deptransId)!.history.at(-1);
    return last && last.atMs > sinceMs ? last.atMs : null;
  };
  const judge = (driver: Driver, sinceMs: number, nowMs: number) => {
    const isDone = isRight(driver, nowMs);
    const waitedMs = (isDone ? (toldAtMs(driver, sinceMs) ?? sinceMs) : nowMs) - sinceMs;
    const disturbed = (faultAtMs.get(driver.deptransId) ?? Number.NEGATIVE_INFINITY) > sinceMs - 600_000;
    if (isDone && !disturbed) sums.slowestMs = Math.max(sums.slowestMs, waitedMs);
    if (!late.has(driver) && waitedMs > inTimeMs + (disturbed ? afterUnknownMs : 0)) {
      late.add(driver);
      sums[dueOf(driver, law, nowMs) === 'connected' ? 'missed' : 'dangling'] += 1;
      const history = registry.find(driver.deptransId)!.history.slice(-4);
      if (examples.length < 3) examples.push({ ...driver, sinceMs, waitedMs, nowMs, history });
    }
    if (isDone || waitedMs > hopelessMs) awaited.delete(driver);
  };
  const noteFaults = () => {
    const fresh = calls.total - seenCalls;
    seenCalls = calls.total;
    for (const { fault, driverId, receivedAtMs } of fresh > 0 ? calls.all().slice(-fresh) : [])
      if (fault && driverId) faultAtMs.set(driverId, receivedAtMs);
  };

  return {
    get missed() {
      return sums.missed;
    },
    get dangling() {
      return sums.dangling;
    },
    get noticed() {
      return sums.noticed;
    },
    get slowestMs() {
      return sums.slowestMs;
    },
    examples,
    changed: (driver) => await_(driver, driver.changedAtMs),
    notice(nowMs) {
      for (const driver of drivers) {
        const due = dueOf(driver, law, nowMs);
        if (due === (dues.get(driver) ?? 'disconnected')) continue;
        dues.set(driver, due);
        if (due === 'either') continue;
        const sinceMs = dueSinceMs(driver, law, nowMs);
        if (sinceMs === driver.changedAtMs) continue;
        sums.noticed += 1;
        await_(driver, sinceMs);
      }
    },
    look(nowMs) {
      noteFaults();
      for (const [driver, sinceMs] of awaited) judge(driver, sinceMs, nowMs);
    },
    lookAtAll: (nowMs) => drivers.filter((driver) => !isRight(driver, nowMs)).length,
  };
}
