import { sql } from 'kysely';
import { parseDeptransId } from '../../src/domain/binding.ts';
import { bind, readCaller, unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { writeMappings } from '../../src/store/mirror-profiles.ts';
import { publish } from '../../src/store/publish.ts';
import { inside, journalKey, outside, type World } from '../world.ts';
import type { Done } from './calendar.ts';
import { type Driver, type DriverProfile, personOf, type Status } from './driver.ts';

type Said = { profile: DriverProfile; status: Status; atMs: number };

/** Tells the service what drivers have done, by the ways on which it hears of it: the topic, the mirror, the binding call, trackstory. */
export function openTeller({ db, intake, places }: World) {
  let next = 0;
  const tellEvents = async (said: readonly Said[]) => {
    if (said.length === 0) return;
    const messages = said.map(({ profile, status, atMs }, i) => ({
      offset: next + i,
      value: Buffer.from(
        JSON.stringify({
          park_id: profile.parkId,
          driver_id: profile.driverId,
          status,
          event_at: new Date(atMs).toISOString(),
        }),
      ),
    }));
    const place = { topic: 'soak', partition: 0, generation: 1, topicId: 'one' };
    await intake.takeBatch({ ...place, from: next, next: next + messages.length, messages });
    next += messages.length;
  };
  return {
    async tell(done: readonly Done[]): Promise<void> {
      for (const action of done) {
        if (action.kind !== 'place') continue;
        for (const { parkId, driverId } of action.driver.profiles)
          places.set(`${parkId}/${driverId}`, action.inside ? inside : outside);
      }
      await tellEvents(done.flatMap(eventsOf));
      const retariffed = done.flatMap((action) => (action.kind === 'tariff' ? [action.profile] : []));
      await writeTariffs(db, [...new Set(retariffed)]);
      const renewed = done.flatMap((action) => (action.kind === 'licence' ? [action.driver] : []));
      await writePeople(db, renewed);
      const rebound = done.flatMap((action) => (action.kind === 'binding' ? [action.driver] : []));
      for (const driver of new Set(rebound)) await writeBinding(db, driver);
    },
  };
}

/** What the apps say: a new status, or, before they fall silent, the one that they had. */
function eventsOf(action: Done): Said[] {
  const { atMs } = action;
  if (action.kind === 'status') return [{ profile: action.profile, status: action.status, atMs }];
  if (action.kind !== 'silence') return [];
  const on = action.driver.profiles.filter(({ status }) => status !== 'offline');
  return on.map((profile) => ({ profile, status: profile.status, atMs }));
}

/** The tariffs of profiles as they are now. */
export async function writeTariffs(db: Db, profiles: readonly DriverProfile[]): Promise<void> {
  if (profiles.length === 0) return;
  const rows = profiles
    .map(({ parkId, driverId, listed }) => ({ parkId, driverId, categories: [listed ? 'econom' : 'cargo'] }))
    .sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
  await inTransaction(db, async (tx) => {
    await writeCategories(tx, rows, { changeNo: await nextChangeNo(tx), touch: false, quiet: false });
  });
}

/** Whose the profiles of drivers are now. */
export async function writePeople(db: Db, drivers: readonly Driver[]): Promise<void> {
  if (drivers.length === 0) return;
  const rows = drivers.flatMap((driver) =>
    driver.profiles.map(({ parkId, driverId }) => ({ parkId, driverId, person: personOf(driver), deleted: false })),
  );
  await inTransaction(db, async (tx) => {
    await publish(tx, await writeMappings(tx, rows, { changeNo: await nextChangeNo(tx), touch: false, quiet: false }));
  });
}

async function nextChangeNo(tx: Db): Promise<number> {
  const { rows } = await sql<{ no: number }>`select nextval('deptrans.change_no') as no`.execute(tx);
  return rows[0]!.no;
}

/** Binds or unbinds, as the driver is now. */
async function writeBinding(db: Db, driver: Driver): Promise<void> {
  const { bound, deptransId, profiles } = driver;
  if (!bound) {
    await inTransaction(db, (tx) => unbind(tx, personOf(driver), { journalKey, reason: 'soak' }));
    return;
  }
  const id = parseDeptransId(deptransId)!;
  const ref = { parkId: profiles[0]!.parkId, driverId: profiles[0]!.driverId };
  const caller = await readCaller(db, ref, id);
  if (typeof caller === 'string') throw new Error(`No person behind the profile: ${caller}`);
  const binding = await inTransaction(db, (tx) =>
    bind(tx, { driver: ref, deptransId: id, ...caller }, { journalKey, lockTimeoutMs: 5_000 }),
  );
  if (!binding) throw new Error('A binding was not saved, though nothing else changed.');
}
