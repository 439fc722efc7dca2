import type { CallRecord } from '../../simulator/regulator/call-log.ts';
import { readBalance } from '../../src/store/balance.ts';
import type { World } from '../world.ts';
import type { Crowd } from './crowd.ts';
import { judgeOrder, judgeRate, type RateSample } from './judge.ts';
import { gridMs } from './stage.ts';

const minuteMs = 60_000;

export type Seen = {
  size: { people: number; minutes: number; rate: number };
  crowd: Crowd;
  /** How many events waited when the regulator came back. */
  waits: number;
  /** When attempts were made while it was away. */
  probes: readonly number[];
  /** What reached it afterwards. */
  calls: readonly CallRecord[];
  rates: readonly RateSample[];
};

/** What of the promise did not hold, by name, and the figures. */
export async function judgeOutage(world: World, { size, crowd, waits, probes, calls, rates }: Seen) {
  const { stays, events } = crowd;
  const reached = calls
    .filter(({ kind }) => kind !== 'authenticate')
    .map(({ kind, driverId, receivedAtMs }) => ({ no: Number(driverId), atMs: receivedAtMs, kind }));
  const reports = reached.filter(({ kind }) => kind === 'status');
  const backMs = reached[0]!.atMs;
  const drainedMs = reports.at(-1)!.atMs - backMs;
  const firstSecond = reached.filter(({ atMs }) => atMs < backMs + 1_000).length;
  const { busiest, over } = judgeRate(reached, rates, gridMs);
  const { fresh, old } = judgeOrder(reports, stays);
  const superseded = reports.filter(({ no }) => !stays.has(no)).length;
  const gaps = probes.slice(1).map((atMs, i) => atMs - probes[i]!);
  const differ = differing(world, size.people, crowd);
  const { difference: missing } = await readBalance(world.db);
  const delay = await readDelays(world);
  const checks = {
    nearlyAllWait: waits >= 0.95 * size.people,
    oneProbeAMinute: gaps.every((ms) => ms >= minuteMs) && probes.length >= size.minutes - 2,
    firstSecond: firstSecond <= 1.5 * size.rate,
    neverAboveTheRate: over === 0 && busiest <= size.rate * (1 + gridMs / 1_000) + 1,
    freshestFirst: fresh >= 0.7 && old >= 0.1,
    supersededNeverSent: superseded === 0,
    onceEach: reports.length === stays.size && new Set(reports.map(({ no }) => no)).size === stays.size,
    allTold: differ === 0 && missing === 0,
    delayIsTheirs: delay.outageShare > 0.9,
  };
  const failed = Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));
  const counts = { events: events.length, waiting: waits, stay: stays.size, probes: probes.length };
  const used = round(reports.length / ((drainedMs / 1_000) * size.rate));
  const drain = { reports: reports.length, calls: reached.length, firstSecond, busiestSecond: busiest, used };
  const order = { drainedInS: Math.round(drainedMs / 1_000), freshShareOfFirstQuarter: round(fresh), superseded };
  return { ...counts, ...drain, ...order, differ, missing, ...delay, failed, ok: failed.length === 0 };
}

/** People of whom the regulator does not know what is true. Those beyond the crowd are on line all the time. */
function differing({ regulator }: World, people: number, { stays }: Crowd): number {
  return [...regulator.registry.accounts.values()].filter(
    ({ id, shift }) => (shift?.endedAtMs === null) !== (stays.has(Number(id)) || Number(id) > people),
  ).length;
}

/** How late reports were on average, and which share of that the regulator was away. */
async function readDelays({ metrics }: World) {
  const text = await metrics.registry.metrics();
  const read = (name: string) => Number(new RegExp(`^deptrans_${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  const [delay, outage, count] = [
    read('delay_seconds_sum'),
    read('delay_outage_seconds_sum'),
    read('delay_seconds_count'),
  ];
  return {
    meanDelayS: Math.round(delay / count),
    ownDelayS: round((delay - outage) / count),
    outageShare: round(outage / delay),
  };
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
