import { sql } from 'kysely';
import type { Policy } from '../../gen/deptrans/v1/policy_pb.ts';
import { openEnforcement, policyToStore } from '../../src/enforcement/enforcement.ts';
import { openFeed } from '../../src/feed/feed.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { putPolicy, readPolicyVersion } from '../../src/store/policies.ts';
import { readOpenStepBacks } from '../../src/store/step-backs.ts';
import { readSupplyNow } from '../../src/store/supply-figures.ts';
import { previewOf } from '../../src/supply/preview.ts';
import { openSupply, type RegionFigures, type Supply } from '../../src/supply/supply.ts';
import { policyFromContract } from '../../verdict/from-contract.ts';
import { judge } from '../../verdict/verdict.ts';
import type { Driver } from '../days/driver.ts';
import { until } from '../until.ts';
import type { World } from '../world.ts';

/** What the service says of people: counted, and judged one by one. */
export type Said = {
  connected: number;
  failing: number;
  unknown: number;
  blocked: number;
  /** Of the drivers who were asked about, how many would get no order. */
  refused: number;
};

/** The parts of the service that judge and count, driven by hand in the time of the world. */
export type Instance = AsyncDisposable & {
  put(policy: Policy): Promise<void>;
  /** Counts, judges, and follows what was decided. */
  round(): Promise<void>;
  say(drivers: readonly Driver[]): Promise<Said>;
  /** People whom a policy would block if it were in force. */
  preview(policy: Policy): Promise<number>;
  /** Whether the service has noticed that the regulator is away. */
  knowsOfOutage(): Promise<boolean>;
  /** Why the region has stepped back; null if it has not. */
  steppedBack(): Promise<string | null>;
};

export const region = 'moscow';
const regulator = 'moscow';
const order = { region, categories: ['econom'] };
const byDefault = { maxDataAgeMs: 60_000 };

export function openInstance(world: World, silenceMs: number, signal: AbortSignal): Instance {
  const { db, metrics, places } = world;
  const stack = new AsyncDisposableStack();
  const now = () => world.clock.now();
  const clock: Clock = { now, monotonic: now, sleep: untilAborted };
  const common = { db, instance: 'story', lifetime: openLifetime(), clock, log: openLog('error'), metrics };
  const feed = stack.use(openFeed({ ...common, clock: world.clock }));
  const trackstory = {
    positions: (drivers: readonly { parkId: string; driverId: string }[]) =>
      Promise.resolve(
        drivers.flatMap(({ parkId, driverId }) => {
          const point = places.get(`${parkId}/${driverId}`);
          return point ? [{ parkId, driverId, point, recordedAt: new Date(now()) }] : [];
        }),
      ),
  };
  const limits = {
    pollMs: 1_000,
    leaseMs: 3_600_000,
    minuteMs: 0,
    lostMs: 86_400_000,
    maxSilenceMs: silenceMs,
    placesPerRound: 1_000_000,
    placeMs: 1_000,
    reportMs: 0,
    positionMaxAgeMs: 3_600_000,
  };
  let counting: Supply | null = null;
  const enforcement = stack.use(
    openEnforcement({
      ...common,
      ...byDefault,
      regulator,
      readings: () => counting?.readings() ?? null,
      dataAgeMs: () => 0,
    }),
  );
  const supply = openSupply({ ...common, trackstory, limits, inForce: enforcement.inForce, byHand: true });
  counting = stack.use(supply);

  const round = async () => {
    await enforcement.runOnce();
    await supply.runOnce(signal);
    await supply.findPlaces(signal);
    await supply.runOnce(signal);
    await enforcement.judgeOnce();
    await enforcement.runOnce();
    await supply.runOnce(signal);
  };
  const refusedOf = async (drivers: readonly Driver[]): Promise<number> => {
    const { rows } = await sql<{
      head: number;
    }>`select coalesce(max(seq), 0)::int as head from deptrans.feed_log`.execute(db);
    await until(() => feed.notReady() === null && feed.head() >= rows[0]!.head, signal);
    const { compiled } = enforcement.inForce();
    const mayWork = ({ parkId, driverId }: { parkId: string; driverId: string }) =>
      judge(feed.lookup(parkId, driverId), order, compiled, now(), 0).isAllowed;
    return drivers.filter(
      ({ profiles }) => !profiles.some((profile) => profile.status !== 'offline' && mayWork(profile)),
    ).length;
  };

  return {
    async put(policy) {
      const base = await readPolicyVersion(db);
      await putPolicy(db, { base, policy: policyToStore(policy), author: 'story', reason: 'the next step' });
      await round();
    },
    round,
    async say(drivers) {
      const found = (await readSupplyNow(db)).find((row) => row.region === region);
      const all = (found?.figures as RegionFigures | undefined)?.find(({ category }) => category === '');
      if (!all) throw new Error('Nobody has counted.');
      const people = ({ people: n }: { people: number }) => n;
      return {
        connected: people(all.connected),
        failing: people(all.failing),
        unknown: people(all.unknown),
        blocked: people(all.blocked),
        refused: await refusedOf(drivers),
      };
    },
    async preview(policy) {
      const census = supply.census();
      if (!census) throw new Error('Nobody has counted.');
      const { message } = enforcement.inForce();
      const asked = policyFromContract({ ...message, policy });
      const { regions } = await previewOf(db, census, asked, now());
      const all = regions.find((one) => one.region === region)?.now.find(({ category }) => category === '');
      return all?.blocked.people ?? Number.NaN;
    },
    async knowsOfOutage() {
      const { rows } = await sql`select from deptrans.gate where open_since is not null`.execute(db);
      return rows.length > 0;
    },
    async steppedBack() {
      return (await readOpenStepBacks(db)).find((one) => one.region === region)?.reason ?? null;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** For loops that are driven by hand. */
function untilAborted(_: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
