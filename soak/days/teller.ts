import { sql } from 'kysely';
import { parseDeptransId } from '../../src/domain/binding.ts';
import { bind, readCaller, unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { inside, journalKey, outside, type World } from '../world.ts';
import type { Done } from './calendar.ts';
import type { Driver, DriverProfile } from './driver.ts';

/** Tells the service what drivers have done, by the ways on which it hears of it: the topic, the mirror, the binding call, trackstory. */
export function openTeller({ db, intake, places }: World) {
  let next = 0;
  const tellEvents = async (done: readonly Done[]) => {
    const events = done.filter((action) => action.kind === 'status');
    if (events.length === 0) return;
    const messages = events.map(({ profile, status, atMs }, i) => ({
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
      await tellEvents(done);
      const retariffed = done.flatMap((action) => (action.kind === 'tariff' ? [action.profile] : []));
      await writeTariffs(db, [...new Set(retariffed)]);
      const rebound = done.flatMap((action) => (action.kind === 'binding' ? [action.driver] : []));
      for (const driver of new Set(rebound)) await writeBinding(db, driver);
    },
  };
}

/** The tariffs of profiles as they are now. */
export async function writeTariffs(db: Db, profiles: readonly DriverProfile[]): Promise<void> {
  if (profiles.length === 0) return;
  const rows = profiles
    .map(({ parkId, driverId, listed }) => ({ parkId, driverId, categories: [listed ? 'econom' : 'cargo'] }))
    .sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
  await inTransaction(db, async (tx) => {
    const { rows: numbers } = await sql<{ no: number }>`select nextval('deptrans.change_no') as no`.execute(tx);
    await writeCategories(tx, rows, { changeNo: numbers[0]!.no, touch: false, quiet: false });
  });
}

/** Binds or unbinds, as the driver is now. */
async function writeBinding(db: Db, { bound, deptransId, no, profiles }: Driver): Promise<void> {
  if (!bound) {
    await inTransaction(db, (tx) => unbind(tx, `person-${no}`, { journalKey, reason: 'soak' }));
    return;
  }
  const id = parseDeptransId(deptransId)!;
  const driver = { parkId: profiles[0]!.parkId, driverId: profiles[0]!.driverId };
  const caller = await readCaller(db, driver, id);
  if (typeof caller === 'string') throw new Error(`No person behind the profile: ${caller}`);
  await inTransaction(db, (tx) =>
    bind(tx, { driver, deptransId: id, ...caller }, { journalKey, lockTimeoutMs: 5_000 }),
  );
}
