import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import { openRandom } from '../../simulator/random.ts';
import { openSupplyService } from '../../src/api/supply-service.ts';
import { inForceOf, messageOf } from '../../src/enforcement/enforcement.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openPreviews, type Policies } from '../../src/supply/supply.ts';
import { openCourse, rounds, silenceMs, slotMs } from '../supply/course.ts';
import { Driver } from '../supply/driver.ts';
import { openStage, REGIONS, type Stage } from '../supply/stage.ts';

const maxDataAgeMs = 60_000;
const version = { version: 1, suspended: false, author: 'soak', reason: 'a soak', putAt: new Date(0) };
/** What is left of half an hour once its deeds are told comes in so many steps. */
const steps = 5;

export type DaySize = { drivers: number; hours: number; seed: number };

/** A day that is over, and the service to be asked about it. */
export type Day = AsyncDisposable & {
  readonly fromMs: number;
  readonly toMs: number;
  readonly deeds: number;
  readonly kills: number;
  readonly supply: Client<typeof SupplyService>;
  /** The same service, if a preview read only some so many intervals of the past. */
  reading(mostIntervals: number): Client<typeof SupplyService>;
  readonly db: Stage['db'];
};

/** A stored policy as it is in force in the regions of the soak; `{}`: everybody is observed. */
export function inForce(stored: object): Policies {
  return inForceOf(messageOf({ ...version, policy: stored }, REGIONS, maxDataAgeMs));
}

/**
 * Lives the day of a city from nothing, in a database of its own, under a policy. The same for the same size, whatever the policy: drivers do not react, and
 * whoever counts is killed at the same moments.
 */
export async function liveDay(
  size: DaySize,
  databaseUrl: string,
  policies: Policies,
  signal: AbortSignal,
): Promise<Day> {
  const stack = new AsyncDisposableStack();
  const random = openRandom(`${size.seed}/preview`);
  const fate = openRandom(`${size.seed}/preview/fate`);
  const drivers = Array.from({ length: size.drivers }, (_, no) => new Driver(no, random));
  const stage = stack.use(await openStage(databaseUrl, drivers, silenceMs));
  stage.enforce(policies);
  const course = openCourse(drivers, random, stage);
  const fromMs = stage.now();
  let [deeds, kills] = [0, 0];
  for (let slot = 0; slot < (size.hours * 3_600_000) / slotMs; slot += 1) {
    signal.throwIfAborted();
    const endsMs = fromMs + (slot + 1) * slotMs;
    const answers = slot % 6 !== 5;
    for (let round = 0; round < rounds; round += 1) {
      deeds += await course(rounds - round, answers);
      if (fate.chance(0.04)) {
        await stage.kill();
        kills += 1;
      }
      await stage.round();
    }
    for (let left = steps; left > 0; left -= 1) await stage.pass(Math.floor((endsMs - stage.now()) / left));
  }
  const { db, clock, census } = stage;
  const common = { lifetime: openLifetime(), clock, log: openLog('error'), metrics: openMetrics(clock) };
  const policyOf = (stored: object) => inForce(stored).compiled.policy;
  const reading = (mostIntervals?: number) => {
    const asked = { ...common, db, census, policyOf, pollMs: 1_000_000_000, ...(mostIntervals && { mostIntervals }) };
    const previews = stack.use(openPreviews(asked));
    const service = openSupplyService({ db, regions: REGIONS, previews, clock, timeoutMs: 60_000 });
    return createClient(
      SupplyService,
      createRouterTransport((router) => void router.service(SupplyService, service)),
    );
  };
  return {
    fromMs,
    toMs: stage.now(),
    deeds,
    kills,
    supply: reading(),
    reading,
    db,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
