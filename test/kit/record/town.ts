import { sql } from 'kysely';
import { type Db, inTransaction } from '../../../src/store/database.ts';
import { publish } from '../../../src/store/publish.ts';

export type SessionFacts = {
  status: string;
  raw?: string;
  region?: string;
  /** Minutes after the beginning of the history; null: the regulator did not say. */
  ends?: number | null;
  isEstimate?: boolean;
};

/** An id that holds, or one in another state. */
export type Binding = string | { id: string; state: 'recheck' | 'rejected' };

/** The tables behind the feed, written as the service writes them, at times that do not depend on the day. Each call is one commit. */
export type Town = {
  /** Profiles `park/driver`, new or known, as those of a person; null: of nobody who is known. */
  give(person: string | null, ...keys: string[]): Promise<number>;
  /** Everybody gets a first profile `p/<name>`. */
  giveEach(people: readonly string[]): Promise<number>;
  /** driver-profiles deleted the profile. */
  remove(key: string): Promise<number>;
  /** The shift of each person; null takes it away. */
  shift(sessions: Readonly<Record<string, SessionFacts | null>>): Promise<number>;
  /** The id of each person; null unbinds. */
  bind(ids: Readonly<Record<string, Binding | null>>): Promise<number>;
  /** An operator replaces the history. */
  nextEpoch(): Promise<void>;
  /** Retention has passed a number: what was deleted up to it is forgotten. */
  forgetThrough(seq: number): Promise<void>;
};

/** 2030-01-01 00:00 UTC. */
const BEGINNING_S = 1_893_456_000;

export async function openTown(db: Db): Promise<Town> {
  // Names the history in every recording alike; else it would be named after the cluster that it was recorded on.
  await sql`create or replace function deptrans.feed_epoch() returns text language sql stable as
    'select md5(''kit '' || epoch_no) from deptrans.feed_state'`.execute(db);
  let minute = 0;
  const commit = async (work: (tx: Db) => Promise<number | null>) => {
    minute += 1;
    return (await inTransaction(db, work))!;
  };
  return {
    give: (person, ...keys) =>
      commit(async (tx) => {
        const no = person === null ? null : await personNo(tx, person);
        const profiles: number[] = [];
        for (const key of keys) profiles.push(await putProfile(tx, key, person, no, false));
        return await publish(tx, { profiles });
      }),
    giveEach: (people) =>
      commit(async (tx) => {
        const profiles: number[] = [];
        for (const person of people) {
          profiles.push(await putProfile(tx, `p/${person}`, person, await personNo(tx, person), false));
        }
        return await publish(tx, { profiles });
      }),
    remove: (key) => commit(async (tx) => publish(tx, { profiles: [await putProfile(tx, key, null, null, true)] })),
    shift: (sessions) =>
      commit(async (tx) => publish(tx, { sessions: await each(tx, sessions, putSession, at(minute)) })),
    bind: (ids) => commit(async (tx) => publish(tx, { bindings: await each(tx, ids, putBinding, at(minute)) })),
    nextEpoch: async () => void (await sql`update deptrans.feed_state set epoch_no = epoch_no + 1`.execute(db)),
    forgetThrough: async (seq) => void (await sql`update deptrans.feed_state set floor_seq = ${seq}`.execute(db)),
  };
}

const at = (minute: number) => sql`to_timestamp(${BEGINNING_S + minute * 60})`;

type Put<Facts> = (tx: Db, person: Person, facts: Facts, now: ReturnType<typeof at>) => Promise<void>;
type Person = { name: string; no: number };

/** Puts what is given of each person, in turn. Returns their numbers. */
async function each<Facts>(
  tx: Db,
  given: Readonly<Record<string, Facts>>,
  put: Put<Facts>,
  now: ReturnType<typeof at>,
): Promise<number[]> {
  const nos: number[] = [];
  for (const [name, facts] of Object.entries(given)) {
    const no = await personNo(tx, name);
    await put(tx, { name, no }, facts, now);
    nos.push(no);
  }
  return nos;
}

const putSession: Put<SessionFacts | null> = async (tx, { name, no }, facts, now) => {
  const { status, raw = null, region = null, ends = null, isEstimate = false } = facts ?? { status: 'finished' };
  const endedAt = ends === null ? null : at(ends);
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, session_status_raw, updated_at,
      ended_at, end_is_estimate, region, deleted)
    values (${name}, ${no}, ${status}, ${raw}, ${now}, ${endedAt}, ${isEstimate}, ${region}, ${facts === null})
    on conflict (driver_license_pd_id) do update set session_status = excluded.session_status,
      session_status_raw = excluded.session_status_raw, updated_at = excluded.updated_at, ended_at = excluded.ended_at,
      end_is_estimate = excluded.end_is_estimate, region = excluded.region, deleted = excluded.deleted`.execute(tx);
};

const putBinding: Put<Binding | null> = async (tx, { name, no }, binding, now) => {
  const held = typeof binding === 'string' ? { id: binding, state: 'bound' } : binding;
  const { id, state } = held ?? { id: null, state: 'unbound' };
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at, state)
    values (${name}, ${no}, ${id}, ${now}, ${state})
    on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id, updated_at = excluded.updated_at,
      state = excluded.state`.execute(tx);
};

async function personNo(tx: Db, person: string): Promise<number> {
  const found = await sql<{ no: number }>`
    select person_no as no from deptrans.persons where driver_license_pd_id = ${person}`.execute(tx);
  if (found.rows[0]) return found.rows[0].no;
  const made = await sql<{ no: number }>`
    insert into deptrans.persons (driver_license_pd_id) values (${person}) returning person_no as no`.execute(tx);
  return made.rows[0]!.no;
}

async function putProfile(tx: Db, key: string, person: string | null, no: number | null, deleted: boolean) {
  const [park, driver] = key.split('/');
  const { rows } = await sql<{ no: number }>`
    insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, deleted)
    values (${park}, ${driver}, ${person}, ${no}, ${deleted})
    on conflict (park_id, driver_id) do update set driver_license_pd_id = excluded.driver_license_pd_id,
      person_no = excluded.person_no, deleted = excluded.deleted
    returning profile_no as no`.execute(tx);
  return rows[0]!.no;
}
