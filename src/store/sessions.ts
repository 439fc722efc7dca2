import { type RawBuilder, sql } from 'kysely';
import type { Session } from '../domain/session.ts';
import { columnOf, rowsOf, textList } from './compact.ts';
import type { Db } from './database.ts';
import { together } from './together.ts';

/** The session of a person, or null if there is none (any more). */
export type OwnedSession = {
  person: string;
  personNo: number;
  deptransId: string;
  region: string | null;
  session: Pick<Session, 'status' | 'raw' | 'endsAt' | 'endIsEstimate'> | null;
};

/**
 * Writes the sessions of people and their history. Returns the `person_no` of those that really changed, for `publish`. Locks rows by key.
 * A session that is gone becomes `deleted`; one that never was is not written.
 */
export async function upsertSessions(tx: Db, sessions: readonly OwnedSession[]): Promise<number[]> {
  const [, [upserted]] = await together(tx, 'sessions', sessionStatements(sessions));
  return upserted?.changed ?? [];
}

export type UpsertedSessions = { changed: number[] };

const personOf = ({ person }: OwnedSession) => person;

const given = rowsOf<OwnedSession>('g', {
  person: ['text', personOf],
  person_no: ['int', ({ personNo }) => personNo],
  status: ['text', ({ session }) => session?.status],
  raw: ['text', ({ session }) => session?.raw],
  ended_at: ['float8', ({ session }) => session?.endsAt?.getTime()],
  end_is_estimate: ['boolean', ({ session }) => session?.endIsEstimate ?? false],
  deptrans_id: ['text', ({ session, deptransId }) => session && deptransId],
  region: ['text', ({ session, region }) => session && region],
  deleted: ['boolean', ({ session }) => session === null],
});

/** The statements that do so, one after the other: the second tells what really changed. */
export function sessionStatements(
  sessions: readonly OwnedSession[],
): [RawBuilder<unknown> | null, RawBuilder<UpsertedSessions> | null] {
  if (sessions.length === 0) return [null, null];
  const people = columnOf(sessions, personOf);
  const lock = sql`/* sessions.lock */
    with held as (
      select 1 from deptrans.session_statuses where driver_license_pd_id = any(${textList(people)})
       order by driver_license_pd_id for no key update)
    select count(*) from held`;
  const before = sql`from deptrans.session_statuses o where o.driver_license_pd_id = g.person`;
  const upsert = sql<UpsertedSessions>`/* sessions.upsert */
    with given as (
      select person, person_no, status, raw, to_timestamp(ended_at / 1000) as ended_at, end_is_estimate, deptrans_id, region, deleted
        from ${given(sessions)}),
    changed as (
      insert into deptrans.session_statuses as s (driver_license_pd_id, person_no, session_status, session_status_raw, updated_at, ended_at,
        end_is_estimate, deptrans_id, region, deleted)
      select g.person, g.person_no, coalesce(g.status, (select o.session_status ${before})), g.raw, deptrans.now(), g.ended_at,
             g.end_is_estimate, g.deptrans_id, g.region, g.deleted
        from given g
       where not g.deleted or (select true ${before})
       order by g.person
      on conflict (driver_license_pd_id) do update set session_status = excluded.session_status,
        session_status_raw = excluded.session_status_raw, updated_at = excluded.updated_at, ended_at = excluded.ended_at,
        end_is_estimate = excluded.end_is_estimate, deptrans_id = excluded.deptrans_id, region = excluded.region, deleted = excluded.deleted
      where (s.session_status, s.session_status_raw, s.ended_at, s.end_is_estimate, s.deptrans_id, s.region, s.deleted)
        is distinct from (excluded.session_status, excluded.session_status_raw, excluded.ended_at, excluded.end_is_estimate,
                          excluded.deptrans_id, excluded.region, excluded.deleted)
      returning *),
    kept as (
      insert into deptrans.session_history (at, driver_license_pd_id, session_status, session_status_raw, updated_at, ended_at, end_is_estimate,
        region, deleted)
      select updated_at, driver_license_pd_id, session_status, session_status_raw, updated_at, ended_at, end_is_estimate, region, deleted
        from changed)
    select coalesce(json_agg(person_no order by driver_license_pd_id), '[]') as changed from changed`;
  return [lock, upsert];
}
