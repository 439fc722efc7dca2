import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom } from '../../simulator/random.ts';
import { addPeople } from '../people.ts';
import type { Figures, Soak } from '../soak.ts';
import { inside, openWorld, outside, type World } from '../world.ts';
import { type Calendar, openCalendar } from './calendar.ts';
import { type Driver, makeDriver, personOf } from './driver.ts';
import type { Law } from './due.ts';
import { openTeller, writeTariffs } from './teller.ts';
import { nextTimer } from './timers.ts';
import { openWatch, type Watch } from './watch.ts';

/**
 * `sweepEvery`: of so many slots one ends with a sweep, and there the border is open. `lostPerMille`: of so many reports the answer is lost after
 * they took effect; a repeat would open a second shift.
 */
const options = { drivers: 80_000, days: 1, silenceHours: 24, sweepEvery: 1, lostPerMille: 2, seed: 1 };
/** All that happens in a slot happens in its last 50 s, and reaches the service at its end. In between only what is due by itself is done. */
const slotMs = 300_000;
const busyMs = 50_000;
const dayMs = 86_400_000;
/** In every so many slots the region is switched off once, for two of them. */
const slotsToSwitch = 96;
const offAt = 40;
const onAt = offAt + 2;
/** From a switch to the sweep that finds it. */
const sweepAfterMs = 30_000;

/**
 * G5 and G6 under a virtual clock: drivers live for days, the region is switched off and on, and the regulator now and then answers 500 to what it
 * has done, or not at all. Nobody may stay open, nobody unreported, for longer than a minute after the cause (and the quiet time after an unknown
 * outcome), no sweep may find what a wake should have done, and no second shift may open.
 */
export async function liveDays(size: typeof options, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  const silenceMs = size.silenceHours * 3_600_000;
  const unread = { refreshMs: 31 * dayMs, issuedReadMs: 31 * dayMs };
  const limits = { sweepPage: 5_000, batch: 500, maxInFlight: 500, maxSilenceMs: silenceMs, ...unread };
  const regulator = { maxCalls: 200_000, settings: { repeats: 'secondShift' as const } };
  await using world = await openWorld({ databaseUrl, limits, stepped: true, regulator });
  const random = openRandom(`${size.seed}/days`);
  const drivers = Array.from({ length: size.drivers }, (_, no) => makeDriver(no, random));
  await settle(world, drivers);
  for (const kind of ['serverError', 'reset'] as const)
    world.regulator.faults.add({ kind, applies: true, calls: ['status'], share: size.lostPerMille / 2_000 });
  const law: Law = { region: { on: true, atMs: Number.NEGATIVE_INFINITY }, silenceMs };
  const watch = openWatch(world.regulator, drivers, law);
  const calendar = openCalendar(drivers, random, { fromMs: world.clock.now(), slotMs, busyMs, silenceMs });
  const lived = await live({ world, law, watch, calendar, size }, signal);
  return { ...lived, ...(await judge(world, watch)) };
}

type Course = { world: World; law: Law; watch: Watch; calendar: Calendar; size: typeof options };

/** Lets the days pass. Returns what happened in them. */
async function live({ world, law, watch, calendar, size }: Course, signal: AbortSignal) {
  const fromMs = world.clock.now();
  const teller = openTeller(world);
  const kinds: Record<string, number> = {};
  let switches = 0;

  /** Looks at what is due now, and compares. */
  const work = async (sweeps: boolean) => {
    await world.delivery.runOnce();
    if (sweeps && (await world.delivery.sweepOnce()) > 0) await world.delivery.runOnce();
    watch.notice(world.clock.now());
    watch.look(world.clock.now());
  };
  const advanceTo = (atMs: number) => world.advance(Math.max(1, atMs - world.clock.now()));

  for (let slot = 0; slot < (size.days * dayMs) / slotMs; slot += 1) {
    signal.throwIfAborted();
    const endMs = fromMs + (slot + 1) * slotMs;
    for (let timer = await nextTimer(world); timer && timer.atMs < endMs; timer = await nextTimer(world)) {
      await advanceTo(timer.atMs);
      await work(timer.sweeps);
    }
    await advanceTo(endMs);
    const isOpen = slot % size.sweepEvery === 0;
    const done = calendar.next(isOpen);
    for (const { kind, driver } of done) {
      kinds[kind] = (kinds[kind] ?? 0) + 1;
      watch.changed(driver);
    }
    await teller.tell(done);
    await work(isOpen);
    const turn = slot % slotsToSwitch;
    if (turn !== offAt && turn !== onAt) continue;
    law.region = { on: turn === onAt, atMs: endMs };
    switches += 1;
    await world.switchRegion(law.region.on);
    await advanceTo(endMs + sweepAfterMs);
    await work(true);
  }
  for (let i = 0; i < 4; i += 1) {
    await world.advance(60_000);
    await work(true);
  }
  return { actions: Object.values(kinds).reduce((a, b) => a + b, 0), kinds, switches };
}

/** What held at the end and on the way. */
async function judge(world: World, watch: Watch) {
  const { missed, dangling, noticed, slowestMs, examples } = watch;
  const wrongAtEnd = watch.lookAtAll(world.clock.now());
  const sweepRepaired = await readCauses(world, 'sweep_repaired_total');
  const sweepWoke = await readCauses(world, 'sweep_woken_total');
  const { total: calls, overlapping } = world.regulator.calls;
  const secondShifts = [...world.regulator.registry.accounts.values()].reduce(
    (sum, { history }) => sum + history.filter(({ what }) => what === 'secondShift').length,
    0,
  );
  const { serverError = 0, reset = 0 } = world.regulator.faults.fired;
  const wrong = missed + dangling + wrongAtEnd + secondShifts + overlapping + Object.keys(sweepRepaired).length;
  return {
    noticed,
    calls,
    lostAnswers: serverError + reset,
    overlapping,
    secondShifts,
    missed,
    dangling,
    wrongAtEnd,
    sweepRepaired,
    sweepWoke,
    slowestMs: Math.round(slowestMs),
    ...(examples.length > 0 && { examples }),
    ok: wrong === 0,
  };
}

async function settle({ db, places, regulator }: World, drivers: readonly Driver[]): Promise<void> {
  for (const { deptransId, no, profiles, inside: isInside } of drivers) {
    regulator.registry.put(deptransId, `licence ${no}`);
    for (const { parkId, driverId } of profiles) places.set(`${parkId}/${driverId}`, isInside ? inside : outside);
  }
  await addPeople(
    db,
    drivers.map((driver) => ({
      token: personOf(driver),
      deptransId: driver.bound ? driver.deptransId : null,
      profiles: driver.profiles,
      categories: ['econom'],
    })),
  );
  const unlisted = drivers.flatMap(({ profiles }) => profiles.filter(({ listed }) => !listed));
  await writeTariffs(db, unlisted);
}

/** What the sweep woke, or repaired though a wake should have, by cause. */
async function readCauses({ metrics }: World, name: string): Promise<Record<string, number>> {
  const { values } = await metrics.counter(name, '', ['cause'] as const).get();
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
