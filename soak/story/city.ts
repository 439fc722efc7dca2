import { sql } from 'kysely';
import { openRandom } from '../../simulator/random.ts';
import { changeBindings } from '../../src/store/binding-changes.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { lockMapping } from '../../src/store/locks.ts';
import { openCalendar } from '../days/calendar.ts';
import { type Action, type Driver, makeDriver, personOf } from '../days/driver.ts';
import { openTeller, writePeople, writeTariffs } from '../days/teller.ts';
import { nextTimer } from '../days/timers.ts';
import { inside, journalKey, outside, type World } from '../world.ts';

/** A city whose drivers live on while time passes; the service hears of all they do, and does what is due. */
export type City = {
  readonly drivers: readonly Driver[];
  /** Who has a new licence in place of one with an id, and has not set the id again. */
  readonly relicensed: ReadonlySet<Driver>;
  /** Lets so many slots of five minutes pass. */
  live(slots: number): Promise<void>;
  /** Lets so much time pass in which nobody does anything. */
  wait(ms: number): Promise<void>;
};

const slotMs = 300_000;
const busyMs = 50_000;
const people = 500;

export async function openCity(
  world: World,
  { drivers: count, seed, silenceMs }: { drivers: number; seed: number; silenceMs: number },
  signal: AbortSignal,
): Promise<City> {
  const random = openRandom(`${seed}/story`);
  const drivers = Array.from({ length: count }, (_, no) => makeDriver(no, random));
  await settle(world, drivers);
  const calendar = openCalendar(drivers, random, { fromMs: world.clock.now(), slotMs, busyMs, silenceMs });
  const teller = openTeller(world);
  const owners = new Set(drivers.filter(({ bound }) => bound));
  const relicensed = new Set<Driver>();
  const note = (action: Action) => {
    if (action.kind === 'binding') {
      relicensed.delete(action.driver);
      if (action.bound) owners.add(action.driver);
      else owners.delete(action.driver);
    } else if (action.kind === 'licence' && owners.delete(action.driver)) relicensed.add(action.driver);
  };

  const work = async () => {
    await world.delivery.runOnce();
    if ((await world.delivery.sweepOnce()) > 0) await world.delivery.runOnce();
  };
  const advanceTo = (atMs: number) => world.advance(Math.max(1, atMs - world.clock.now()));
  const passTo = async (endMs: number) => {
    for (let timer = await nextTimer(world); timer && timer.atMs < endMs; timer = await nextTimer(world)) {
      signal.throwIfAborted();
      await advanceTo(timer.atMs);
      await work();
    }
    await advanceTo(endMs);
  };

  return {
    drivers,
    relicensed,
    async live(slots) {
      for (let slot = 0; slot < slots; slot++) {
        await passTo(world.clock.now() + slotMs);
        const done = calendar.next(true);
        for (const action of done) note(action);
        await teller.tell(done);
        await work();
      }
    },
    async wait(ms) {
      await passTo(world.clock.now() + ms);
      await work();
    },
  };
}

/** Everybody as the mirror and the drivers' apps would have told of them. */
async function settle(world: World, drivers: readonly Driver[]): Promise<void> {
  const { db, places, regulator } = world;
  for (const { deptransId, no, profiles, inside: isInside } of drivers) {
    regulator.registry.put(deptransId, `licence ${no}`);
    for (const { parkId, driverId } of profiles) places.set(`${parkId}/${driverId}`, isInside ? inside : outside);
  }
  for (let i = 0; i < drivers.length; i += people) {
    const some = drivers.slice(i, i + people);
    await writePeople(db, some);
    await writeTariffs(
      db,
      some.flatMap(({ profiles }) => profiles),
    );
    await bindAll(
      world,
      some.filter(({ bound }) => bound),
    );
  }
}

async function bindAll({ db }: World, drivers: readonly Driver[]): Promise<void> {
  const numbers = await readNumbers(db, drivers.map(personOf));
  const changes = drivers.map((driver) => {
    const person = personOf(driver);
    return { person, personNo: numbers.get(person)!, from: null, to: driver.deptransId };
  });
  await inTransaction(db, async (tx) => {
    await lockMapping(tx);
    await changeBindings(tx, changes, { journalKey, reason: 'checked' });
  });
}

async function readNumbers(db: Db, tokens: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ token: string; no: number }>`
    select driver_license_pd_id as token, person_no as no from deptrans.persons
     where driver_license_pd_id = any(${tokens})`.execute(db);
  return new Map(rows.map(({ token, no }) => [token, no]));
}
