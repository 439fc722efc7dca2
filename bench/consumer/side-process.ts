import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchDriver, driverOf, RecordWriter } from './drivers.ts';
import { librarySide, mapSide, type Side } from './sides.ts';

/**
 * One side alone in a process, so that its memory is its own: `node --expose-gc side-process.ts library|map PROFILES` prints its readings as one
 * JSON line. A profile is two records.
 */
export type SideReadings = {
  memoryMb: number;
  coldUs: number;
  hotUs: number;
  /** By a policy for half of the people: when each is asked about for the first time, and later. */
  halfFirstUs: number | null;
  halfUs: number | null;
  applyUs: number;
  dumpMs: number | null;
  loadMs: number | null;
  loadCpuMs: number | null;
};

const CHECKS = 200_000;
const HOT = 100;
const ROUNDS = 3;

function main(name: string, profiles: number): Promise<SideReadings> {
  const side = name === 'library' ? librarySide() : mapSide();
  const writer = new RecordWriter();
  for (let no = 1; no < 30_000; no++) writer.id(no); // what makes the records must be warm, and paid for, before
  const before = residentMb();
  const making = cpuUs(() => {
    for (let no = 1; no <= profiles; no++) {
      writer.id(no);
      writer.session(no);
    }
  });
  const applyUs = (cpuUs(() => side.fill(profiles)) - making) / (profiles * 2);
  const memoryMb = residentMb() - before;
  return measure(side, profiles, { memoryMb, applyUs });
}

async function measure(
  side: Side,
  profiles: number,
  filled: Pick<SideReadings, 'memoryMb' | 'applyUs'>,
): Promise<SideReadings> {
  const drivers = Array.from({ length: CHECKS }, (_, i) => driverOf(1 + ((Math.imul(i, 0x9e3779b1) >>> 0) % profiles)));
  const check = side.check.bind(side);
  checkAll(check, drivers, drivers.length); // warm
  const coldUs = median(() => cpuUs(() => checkAll(check, drivers, drivers.length)) / CHECKS);
  const hotUs = median(() => cpuUs(() => checkAll(check, drivers, HOT)) / CHECKS);
  const half = side.checkHalf ? measureHalf(side.checkHalf.bind(side), drivers) : { halfFirstUs: null, halfUs: null };
  const path = join(tmpdir(), `driver-cache-bench-${process.pid}`);
  const dumped = (await side.dump?.(path)) ?? { writeMs: null, loadMs: null, loadCpuMs: null };
  await rm(path, { force: true });
  const { writeMs: dumpMs, loadMs, loadCpuMs } = dumped;
  return { ...filled, coldUs, hotUs, ...half, dumpMs, loadMs, loadCpuMs };
}

function measureHalf(check: Check, drivers: readonly BenchDriver[]): Pick<SideReadings, 'halfFirstUs' | 'halfUs'> {
  checkAll(check, drivers, HOT); // warm, and most drivers not asked about yet
  const halfFirstUs = cpuUs(() => checkAll(check, drivers, drivers.length)) / CHECKS;
  return { halfFirstUs, halfUs: median(() => cpuUs(() => checkAll(check, drivers, drivers.length)) / CHECKS) };
}

type Check = (driver: BenchDriver) => boolean;

/** Checks the first `of` drivers in turn, as often as there are drivers. Everybody passes. */
function checkAll(check: Check, drivers: readonly BenchDriver[], of: number): void {
  let refused = 0;
  for (let i = 0, at = 0; i < drivers.length; i++, at = at + 1 === of ? 0 : at + 1) {
    if (!check(drivers[at]!)) refused += 1;
  }
  if (refused > 0) throw new Error(`${refused} drivers were refused.`);
}

function cpuUs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function median(measure: () => number): number {
  return Array.from({ length: ROUNDS }, measure).sort((a, b) => a - b)[ROUNDS >> 1]!;
}

function residentMb(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1_000_000;
}

process.stdout.write(`${JSON.stringify(await main(process.argv[2]!, Number(process.argv[3])))}\n`);
