import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom } from '../../simulator/random.ts';
import { addPeople } from '../people.ts';
import type { Figures, Soak } from '../soak.ts';
import { inside, openWorld, outside, type World } from '../world.ts';
import { openCalendar } from './calendar.ts';
import { type Driver, makeDriver } from './driver.ts';
import { openTeller, writeTariffs } from './teller.ts';
import { openWatch } from './watch.ts';

const options = { drivers: 80_000, days: 1, seed: 1 };
/** One step: all that happens in it reaches the service at its end. */
const stepMs = 50_000;
/**
 * Drivers cross the border at the end of the first step of every window of so many, so that the sweeps of most steps would find nothing; those are
 * left out. The two after a crossing, or after the dwell, find all of it, within a minute.
 */
const window = 36;
const sweptSteps = 2;
const dayMs = 86_400_000;

/**
 * G5 under a virtual clock: drivers live for days, and the regulator now and then answers 500 to what it has done. Nobody may stay open, nobody
 * unreported, for longer than a minute after the cause (and the quiet time after an unknown outcome), and no sweep may find what a wake should have done.
 */
export async function liveDays(
  { drivers: count, days, seed }: typeof options,
  databaseUrl: string,
  signal: AbortSignal,
): Promise<Figures> {
  await using world = await openWorld({
    databaseUrl,
    limits: { sweepPage: 2_000, refreshMs: 31 * dayMs, issuedReadMs: 31 * dayMs },
  });
  const random = openRandom(`${seed}/days`);
  const drivers = Array.from({ length: count }, (_, no) => makeDriver(no, random));
  await settle(world, drivers);
  world.regulator.faults.add({ kind: 'serverError', applies: true, calls: ['status'], share: 0.002 });
  const watch = openWatch(world.regulator);
  const fromMs = world.clock.now();
  const calendar = openCalendar(drivers, random, { fromMs, slotMs: stepMs });
  const teller = openTeller(world);
  let actions = 0;

  for (let step = 0; step < (days * dayMs) / stepMs; step += 1) {
    signal.throwIfAborted();
    await world.advance(Math.max(1, fromMs + (step + 1) * stepMs - world.clock.now()));
    const done = calendar.until(world.clock.now(), step % window === 0);
    actions += done.length;
    await teller.tell(done);
    for (const { driver } of done) watch.changed(driver);
    await world.delivery.runOnce();
    if (step % window < sweptSteps && (await world.delivery.sweepOnce()) > 0) await world.delivery.runOnce();
    watch.look(world.clock.now());
  }
  for (let i = 0; i < 4; i += 1) {
    await world.advance(stepMs);
    await world.delivery.sweepOnce();
    await world.delivery.runOnce();
  }
  const { missed, dangling, slowestMs, examples } = watch;
  const atEnd = watch.lookAtAll(drivers, world.clock.now());
  const repairs = await readRepairs(world);
  const wrong = missed + dangling + atEnd + Object.keys(repairs).length;
  const { total: calls, overlapping } = world.regulator.calls;
  const told = {
    actions,
    calls,
    overlapping,
    missed,
    dangling,
    wrongAtEnd: atEnd,
    sweepRepaired: repairs,
    slowestMs: Math.round(slowestMs),
  };
  return { ...told, ...(examples.length > 0 && { examples }), ok: wrong === 0 };
}

async function settle({ db, places, regulator }: World, drivers: readonly Driver[]): Promise<void> {
  for (const { deptransId, no, profiles, inside: isInside } of drivers) {
    regulator.registry.put(deptransId, `licence ${no}`);
    for (const { parkId, driverId } of profiles) places.set(`${parkId}/${driverId}`, isInside ? inside : outside);
  }
  await addPeople(
    db,
    drivers.map(({ no, deptransId, bound, profiles }) => ({
      token: `person-${no}`,
      deptransId: bound ? deptransId : null,
      profiles,
      categories: ['econom'],
    })),
  );
  const unlisted = drivers.flatMap(({ profiles }) => profiles.filter(({ listed }) => !listed));
  await writeTariffs(db, unlisted);
}

/** What only the sweep repaired though a wake should have, by cause. Nothing, if all is well. */
async function readRepairs({ metrics }: World): Promise<Record<string, number>> {
  const { values } = await metrics.counter('sweep_repaired_total', '', ['cause'] as const).get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.cause), value]));
}

export const daysSoak: Soak<typeof options> = {
  name: 'days',
  shows: 'G5: drivers live for days under a virtual clock: nobody stays open, nobody stays unreported',
  options,
  deadlineMs: ({ drivers, days }) => 300_000 + days * (600_000 + drivers * 100),
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await liveDays(size, server.url, signal);
  },
};
