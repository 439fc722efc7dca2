import { startPostgres } from '../../simulator/database/postgres.ts';
import { countLoss, type LossCounts } from '../../simulator/judge/loss.ts';
import { openRandom } from '../../simulator/random.ts';
import type { Figures, Soak } from '../soak.ts';
import { openCourse, quietMs, roundMs, rounds, silenceMs, slotMs } from './course.ts';
import { Driver } from './driver.ts';
import { drawLaw, policyOf } from './law.ts';
import { openStage } from './stage.ts';

/** `minutes`: of real time, after which no further half hour of the city is begun; 0: no bound. */
const options = { drivers: 80_000, days: 1, seed: 1, minutes: 0 };
const minute = 60_000;

/**
 * The loss of supply beside what is really so, under a clock that is moved: drivers live for days, shifts end by themselves, the policy changes, the regulator and
 * trackstory fail, whoever counts is killed and another goes on. In quiet minutes every figure must be the judge's; in between each may differ by no more than 0.5 % of
 * the connected, or 5 people.
 */
export async function liveWithLoss(size: typeof options, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  const boundMs = size.minutes > 0 ? performance.now() + size.minutes * minute : Number.POSITIVE_INFINITY;
  const random = openRandom(`${size.seed}/supply`);
  const drivers = Array.from({ length: size.drivers }, (_, no) => new Driver(no, random));
  await using stage = await openStage(databaseUrl, drivers, silenceMs);
  const course = openCourse(drivers, random, stage);
  const sums = {
    hours: 0,
    deeds: 0,
    compared: 0,
    quiet: 0,
    different: 0,
    worst: 0,
    beyond: 0,
    kills: 0,
    policies: 0,
    connected: 0,
    blocked: 0,
  };
  const examples: unknown[] = [];
  let version = 0;
  const enforceAnother = () => {
    version += 1;
    const drawn = drawLaw(random, silenceMs, stage.now());
    const compiled = policyOf(drawn, version);
    stage.enforce({ compiled, asPut: compiled });
    return drawn;
  };
  let law = enforceAnother();

  const compare = async (isQuiet: boolean) => {
    const truth = countLoss(drivers, law, stage.now());
    const { differences, connected } = difference(truth, await stage.counted());
    const most = Math.max(0, ...differences.map(({ by }) => by));
    sums.compared += 1;
    sums.connected = Math.max(sums.connected, connected);
    sums.blocked = Math.max(sums.blocked, truth['moscow any blocked'] ?? 0);
    if (isQuiet) {
      sums.quiet += 1;
      if (most > 0) sums.different += 1;
    } else if (most > Math.max(0.005 * connected, 5)) sums.beyond += 1;
    sums.worst = Math.max(sums.worst, isQuiet ? 0 : most);
    if (most > 0 && (isQuiet || most > 5) && examples.length < 3) examples.push({ isQuiet, ...differences[0] });
  };

  for (let slot = 0; slot < (size.days * 86_400_000) / slotMs && performance.now() < boundMs; slot += 1) {
    signal.throwIfAborted();
    const trouble = slot % 6 === 5 ? random.pick(['regulator', 'trackstory', 'both'] as const) : 'none';
    stage.trackstory.away = trouble === 'trackstory' || trouble === 'both';
    for (let round = 0; round < rounds; round += 1) {
      sums.deeds += await course(rounds - round, trouble === 'none' || trouble === 'trackstory');
      if (random.chance(0.05)) {
        law = enforceAnother();
        sums.policies += 1;
      }
      if (random.chance(0.04)) {
        await stage.kill();
        sums.kills += 1;
      }
      await stage.round();
      // Nobody can be found while trackstory is away, and not all are asked for anew in the minutes after.
      if (trouble === 'none') await compare(false);
    }
    stage.trackstory.away = false;
    for (const ms of [quietMs / 2, quietMs / 2]) await stage.pass(ms);
    await compare(true);
    await stage.pass(slotMs - rounds * roundMs - quietMs);
    await compare(true);
    sums.hours += slotMs / 3_600_000;
  }
  const { different, beyond, quiet } = sums;
  return {
    ...sums,
    ...(examples.length > 0 && { examples }),
    ok: quiet > 0 && sums.blocked > 0 && different === 0 && beyond === 0,
  };
}

function difference(truth: LossCounts, counted: LossCounts) {
  const names = [...new Set([...Object.keys(truth), ...Object.keys(counted)])];
  const differences = names
    .map((name) => ({ name, truth: truth[name] ?? 0, counted: counted[name] ?? 0 }))
    .map((one) => ({ ...one, by: Math.abs(one.truth - one.counted) }))
    .filter(({ by }) => by > 0)
    .sort((a, b) => b.by - a.by);
  return { differences, connected: (truth['moscow any connected'] ?? 0) + (truth['tver any connected'] ?? 0) };
}

export const supplySoak: Soak<typeof options> = {
  name: 'supply',
  shows:
    'the loss of supply is what a judge who shares no code with it counts, through outages, kills and changes of policy',
  options,
  deadlineMs: ({ drivers, days }) => 600_000 + days * (600_000 + drivers * 120),
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await liveWithLoss(size, server.url, signal);
  },
};
