import { sql } from 'kysely';
import { parseDeptransId } from '../../src/domain/binding.ts';
import type { openIntake } from '../../src/intake/intake.ts';
import { bind, readCaller, unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { writeMappings } from '../../src/store/mirror-profiles.ts';
import { publish } from '../../src/store/publish.ts';
import { type OwnedSession, upsertSessions } from '../../src/store/sessions.ts';
import { journalKey } from '../world.ts';
import type { Deed, Driver, Profile } from './driver.ts';

type Intake = Pick<ReturnType<typeof openIntake>, 'takeBatch'>;

/** Tells the service what has happened, by the statements with which it hears of it. What a driver is at the end of the list is what is told. */
export function openTeller(db: Db, intake: Intake) {
  let next = 0;
  const tellEvents = async (deeds: readonly Deed[]) => {
    const said = deeds.flatMap((deed) => (deed.kind === 'status' ? [deed] : [])).sort((a, b) => a.atMs - b.atMs);
    const messages = said.map(({ profile, status, atMs }, i) => {
      const event = {
        park_id: profile.parkId,
        driver_id: profile.driverId,
        status,
        event_at: new Date(atMs).toISOString(),
      };
      return { offset: next + i, value: Buffer.from(JSON.stringify(event)) };
    });
    if (messages.length === 0) return;
    const place = { topic: 'soak', partition: 0, generation: 1, topicId: 'one' };
    await intake.takeBatch({ ...place, from: next, next: next + messages.length, messages });
    next += messages.length;
  };
  const driversOf = (deeds: readonly Deed[], kind: Deed['kind']) => [
    ...new Set(deeds.flatMap((deed) => (deed.kind === kind ? [deed.driver] : []))),
  ];
  return async (deeds: readonly Deed[]): Promise<void> => {
    await tellEvents(deeds);
    await writeTariffs(db, [...new Set(deeds.flatMap((deed) => (deed.kind === 'tariffs' ? [deed.profile] : [])))]);
    await writeLicences(db, driversOf(deeds, 'licence'));
    for (const driver of driversOf(deeds, 'binding')) await writeBinding(db, driver);
    await writeShifts(db, driversOf(deeds, 'shift'));
  };
}

async function nextChangeNo(tx: Db): Promise<number> {
  const { rows } = await sql<{ no: number }>`select nextval('deptrans.change_no') as no`.execute(tx);
  return rows[0]!.no;
}

export async function writeTariffs(db: Db, profiles: readonly Profile[]): Promise<void> {
  if (profiles.length === 0) return;
  const rows = profiles.map(({ parkId, driverId, tariffs }) => ({ parkId, driverId, categories: [...tariffs] }));
  await inTransaction(db, async (tx) => {
    await writeCategories(tx, rows, { changeNo: await nextChangeNo(tx), touch: false, quiet: false });
  });
}

export async function writeLicences(db: Db, drivers: readonly Driver[]): Promise<void> {
  if (drivers.length === 0) return;
  const rows = drivers.flatMap(({ profiles, person }) =>
    profiles.map(({ parkId, driverId }) => ({ parkId, driverId, person, deleted: false })),
  );
  await inTransaction(db, async (tx) => {
    const mode = { changeNo: await nextChangeNo(tx), touch: false, quiet: false };
    await publish(tx, await writeMappings(tx, rows, mode));
  });
}

async function writeBinding(db: Db, driver: Driver): Promise<void> {
  if (driver.binding !== 'bound') {
    await inTransaction(db, (tx) => unbind(tx, driver.person, { journalKey, reason: 'soak' }));
    return;
  }
  const { parkId, driverId } = driver.profiles[0]!;
  const id = parseDeptransId(driver.deptransId)!;
  const caller = await readCaller(db, { parkId, driverId }, id);
  if (typeof caller === 'string') throw new Error(`No person behind the profile: ${caller}`);
  const checked = { driver: { parkId, driverId }, deptransId: id, ...caller };
  await inTransaction(db, (tx) => bind(tx, checked, { journalKey, lockTimeoutMs: 5_000 }));
}

async function writeShifts(db: Db, drivers: readonly Driver[]): Promise<void> {
  const on = drivers.filter(({ shift }) => shift !== null);
  if (on.length === 0) return;
  const { rows } = await sql<{ person: string; no: number }>`
    select driver_license_pd_id as person, person_no as no from deptrans.persons
     where driver_license_pd_id = any(${on.map(({ person }) => person)})`.execute(db);
  const numbers = new Map(rows.map(({ person, no }) => [person, no]));
  const sessions = on.map(({ person, deptransId, shift }): OwnedSession => {
    const { word, endsAtMs, region } = shift!;
    const session = {
      status: word,
      raw: word === 'unrecognised' ? 'PAUSED' : null,
      endsAt: new Date(endsAtMs),
      endIsEstimate: true,
    };
    return { person, personNo: numbers.get(person)!, deptransId, region, session };
  });
  await inTransaction(db, async (tx) => {
    await publish(tx, { sessions: await upsertSessions(tx, sessions) });
  });
}
