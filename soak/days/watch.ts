import type { RegulatorServer } from '../../simulator/regulator/regulator.ts';
import { dwellMs } from '../world.ts';
import type { Driver } from './driver.ts';

/** Within this of its cause the regulator must have been told. */
const inTimeMs = 60_000;
/** As much longer as one unknown outcome may take: the deadline, and the quiet time twice (a look-up may fail, too). */
const afterUnknownMs = 5_000 + 2 * 30_000;
const hopelessMs = 3_600_000;

export type Watch = {
  /** Something happened to the driver that may concern the regulator. */
  changed(driver: Driver): void;
  /** Compares with the regulator whoever is not yet seen to be right. */
  look(nowMs: number): void;
  /** Compares everybody, at rest. */
  lookAtAll(drivers: readonly Driver[], nowMs: number): number;
  /** Told, or not, later than is promised: connected ones not reported, and disconnected ones left open. */
  readonly missed: number;
  readonly dangling: number;
  /** The longest from a cause to the regulator, without unknown outcomes, as seen between steps. */
  readonly slowestMs: number;
  readonly examples: readonly object[];
};

export function openWatch({ registry, calls }: RegulatorServer): Watch {
  const awaited = new Set<Driver>();
  const dwelling = new Set<Driver>();
  const late = new Set<Driver>();
  const sums = { missed: 0, dangling: 0, slowestMs: 0 };
  const examples: object[] = [];

  const isRight = (driver: Driver, nowMs: number) => {
    const due = dueOf(driver, nowMs);
    const shift = registry.shift(driver.deptransId, nowMs);
    const isOpen = shift !== null && shift.endedAtMs === null;
    const isOver = registry.find(driver.deptransId)!.history.at(-1)?.what === 'over';
    return due === 'either' || isOpen === (due === 'connected') || (due === 'connected' && isOver);
  };
  /** When the regulator had been told what it knows now; null if that was before the cause, so that nothing had to be told. */
  const toldAtMs = ({ deptransId, changedAtMs }: Driver) => {
    const last = registry.find(deptransId)!.history.at(-1);
    return last && last.atMs > changedAtMs ? last.atMs : null;
  };
  const judge = (driver: Driver, nowMs: number) => {
    const isDone = isRight(driver, nowMs);
    const untilMs = isDone ? (toldAtMs(driver) ?? driver.changedAtMs) : nowMs;
    const waitedMs = untilMs - driver.changedAtMs;
    const disturbed = waitedMs > 0 && hadFault(driver);
    if (isDone && !disturbed) sums.slowestMs = Math.max(sums.slowestMs, waitedMs);
    if (!late.has(driver) && waitedMs > inTimeMs + (disturbed ? afterUnknownMs : 0)) {
      late.add(driver);
      sums[dueOf(driver, nowMs) === 'connected' ? 'missed' : 'dangling'] += 1;
      const history = registry.find(driver.deptransId)!.history.slice(-4);
      if (examples.length < 3) examples.push({ ...driver, waitedMs, nowMs, history });
    }
    if (isDone || waitedMs > hopelessMs) awaited.delete(driver);
  };
  const hadFault = (driver: Driver) =>
    calls.of(driver.deptransId).some(({ fault, receivedAtMs }) => fault && receivedAtMs > driver.changedAtMs - 600_000);

  return {
    get missed() {
      return sums.missed;
    },
    get dangling() {
      return sums.dangling;
    },
    get slowestMs() {
      return sums.slowestMs;
    },
    examples,
    changed(driver) {
      awaited.add(driver);
      late.delete(driver);
      if (!driver.inside) dwelling.add(driver);
    },
    look(nowMs) {
      for (const driver of dwelling) {
        const overAtMs = driver.leftAtMs + dwellMs;
        if (!driver.inside && nowMs < overAtMs) continue;
        dwelling.delete(driver);
        if (driver.inside) continue;
        driver.changedAtMs = Math.max(driver.changedAtMs, overAtMs);
        awaited.add(driver);
      }
      for (const driver of awaited) judge(driver, nowMs);
    },
    lookAtAll: (drivers, nowMs) => drivers.filter((driver) => !isRight(driver, nowMs)).length,
  };
}

/** What the regulator must know of a driver; either while he has been outside for less than the dwell. */
function dueOf({ profiles, bound, inside, leftAtMs }: Driver, nowMs: number): 'connected' | 'disconnected' | 'either' {
  const works = bound && profiles.some(({ status, listed }) => status !== 'offline' && listed);
  if (!works) return 'disconnected';
  if (inside) return 'connected';
  return nowMs < leftAtMs + dwellMs ? 'either' : 'disconnected';
}
