import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type Policy, PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { openWorld } from '../world.ts';
import { openCity } from './city.ts';
import { openInstance, region, type Said } from './instance.ts';
import { truthOf } from './truth.ts';

/** A line of the story: what the service says, beside what is true. */
export type Line = { atMs: number; what: string; said: Said; true: Said; note: string };

export type Story = {
  lines: readonly Line[];
  /** Reports that reached the regulator. */
  reports: number;
  /** How many the preview said that the policy would block, and how many it was. */
  foretold: { said: number; true: number };
  /** From the first calls that failed to the region's falling back. */
  steppedBackAfterMs: number;
  /** From the regulator's coming back to the region's blocking again. */
  blocksAgainAfterMs: number;
};

const minute = 60_000;
const hour = 60 * minute;
const slotMinutes = 5;
const silenceMs = 48 * hour;
const downLimitMs = minute;
const returnAfterMs = 10 * minute;
const lookMs = 5_000;

/**
 * A city goes from watching to blocking, loses its regulator, falls back and recovers, in a time of its own. At the end of each step what the
 * service counts and judges stands beside what is true by the drivers and the regulator; `tell` is called with each line. Drivers come to work within eight
 * hours, of which `morningHours` pass before the first step.
 */
export async function tellStory(
  { drivers: count, seed, morningHours = 8 }: { drivers: number; seed: number; morningHours?: number },
  databaseUrl: string,
  tell: (line: Line) => void,
  signal: AbortSignal,
): Promise<Story> {
  const unread = { refreshMs: 31 * 24 * hour, issuedReadMs: 31 * 24 * hour };
  const limits = { sweepPage: 5_000, batch: 500, maxInFlight: 500, maxSilenceMs: silenceMs, ...unread };
  const settings = { shiftMs: 48 * hour, issuedShare: 0 };
  await using world = await openWorld({
    databaseUrl,
    limits,
    stepped: true,
    regulator: { maxCalls: 200_000, settings },
  });
  const city = await openCity(world, { drivers: count, seed, silenceMs }, signal);
  await using instance = openInstance(world, silenceMs, signal);
  const { regulator } = world;
  const now = () => world.clock.now();
  const beganMs = now();
  const lines: Line[] = [];

  /** The part of the people that is blocked as things stand. */
  let share = 0;
  const line = async (what: string, note = '') => {
    await instance.round();
    const { connected, failing, unknown, blocked } = truthOf(city, regulator, { share, nowMs: now() });
    const said = await instance.say(connected);
    const isTrue = { connected: connected.length, failing, unknown, blocked, refused: blocked };
    lines.push({ atMs: now() - beganMs, what, said, true: isTrue, note });
    tell(lines.at(-1)!);
  };
  /** Passes time by small steps until it `holds`; returns how long that took. */
  const passUntil = async (holds: () => Promise<boolean>, mostMs: number): Promise<number> => {
    const fromMs = now();
    for (;;) {
      signal.throwIfAborted();
      await instance.round();
      if (await holds()) return now() - fromMs;
      if (now() - fromMs > mostMs) return Number.POSITIVE_INFINITY;
      await city.wait(lookMs);
    }
  };

  await instance.put(policyOf(EnforcementMode.OBSERVE));
  await city.live((morningHours * 60) / slotMinutes);
  await line('observe', 'nobody is told');

  const everybody = policyOf(EnforcementMode.BLOCK);
  const foretold = await instance.preview(everybody);
  const { failing } = truthOf(city, regulator, { share: 1, nowMs: now() });
  await line('preview', `would block ${foretold}, in truth ${failing}`);

  await instance.put(policyOf(EnforcementMode.WARN));
  await city.live(6);
  await line('warn', 'drivers are told');

  await instance.put(policyOf(EnforcementMode.BLOCK, 0.1));
  share = 0.1;
  await line('block 10 %', 'at once');
  await city.live(6);
  await line('block 10 %', 'half an hour later');

  await instance.put(everybody);
  share = 1;
  await city.live(6);
  await line('block 100 %', 'half an hour later');

  await regulator.availability.set('refused');
  while (!(await instance.knowsOfOutage())) await city.live(1);
  const steppedBackAfterMs = await passUntil(async () => (await instance.steppedBack()) !== null, downLimitMs * 5);
  share = 0;
  await line('regulator away', `fell back to WARN after ${Math.round(steppedBackAfterMs / 1_000)} s`);
  await city.live(6);
  await line('regulator away', 'half an hour later');

  await regulator.availability.set('up');
  const blocksAgainAfterMs = await passUntil(async () => (await instance.steppedBack()) === null, returnAfterMs * 3);
  share = 1;
  await line('recovered', `blocks again after ${Math.round(blocksAgainAfterMs / minute)} min`);
  await city.live(6);
  await line('block 100 %', 'half an hour later');
  const reports = regulator.calls.all().filter(({ kind }) => kind === 'status').length;
  return { lines, reports, foretold: { said: foretold, true: failing }, steppedBackAfterMs, blocksAgainAfterMs };
}

function policyOf(mode: EnforcementMode, share?: number): Policy {
  const rules = [Check.DEPTRANS_ID, Check.SESSION].map((check) => ({
    check,
    mode,
    ...(share !== undefined && { share }),
  }));
  const stepBack = { regulatorDown: durationFromMs(downLimitMs), returnAfter: durationFromMs(returnAfterMs) };
  return create(PolicySchema, { regions: [{ region, rules, stepBack }] });
}
