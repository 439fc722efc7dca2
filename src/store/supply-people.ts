import { sql } from 'kysely';
import { numberList, textList } from './compact.ts';
import type { Db } from './database.ts';

/** A connected profile of a person, or one without a person. */
export type SupplyProfile = {
  no: number;
  parkId: string;
  driverId: string;
  /** Sorted. */
  categories: string[];
  /** When it was last heard of, ms since 1970. */
  seenAt: number;
  /** Consumers know it: it has come with the feed. */
  isPublished: boolean;
};

/** What verdicts about a person are made of. Times in ms since 1970; null: none. */
export type SupplyPerson = {
  /** `person_no`; below 0: the number of a profile that has no person. */
  no: number;
  /** The token; empty without a person. */
  person: string;
  /** null: never bound. */
  binding: string | null;
  bindingUpdatedAt: number | null;
  /** null: no shift, or it is gone. */
  session: string | null;
  sessionUpdatedAt: number | null;
  sessionEndedAt: number | null;
  sessionRegion: string;
  /** The connected ones; none: nobody to count. */
  profiles: SupplyProfile[];
};

/** The shift of a person. */
export type SupplySession = Pick<
  SupplyPerson,
  'no' | 'session' | 'sessionUpdatedAt' | 'sessionEndedAt' | 'sessionRegion'
>;

type Ms = number | string | null;
type ProfileColumns = [number, string, string, string[], Ms, boolean];
type PersonColumns = [number, string, string | null, Ms, string | null, Ms, Ms, string, ProfileColumns[]];

const nobody: Omit<SupplyPerson, 'no'> = {
  person: '',
  binding: null,
  bindingUpdatedAt: null,
  session: null,
  sessionUpdatedAt: null,
  sessionEndedAt: null,
  sessionRegion: '',
  profiles: [],
};

/** Whom to read: people, and whoever is behind profiles, by number or by park_id and driver_id. */
export type SupplyAsked = {
  people?: readonly number[];
  profiles?: readonly number[];
  keys?: readonly (readonly [string, string])[];
};

// A time may be infinite, which is no bigint; as a double in JSON it comes as a text.
const ms = (time: string) => sql.raw(`floor(extract(epoch from ${time}) * 1000)::float8`);
const connected = sql`
  join deptrans.driver_states s on s.park_id = d.park_id and s.driver_id = d.driver_id and s.connected`;
const profile = sql`json_build_array(d.profile_no, d.park_id, d.driver_id, d.categories, ${ms('s.seen_at')}, d.seq > 0)`;

/** `alone`: numbers of the profiles among those asked for that have no person, connected or not. */
export type SupplyRead = { people: SupplyPerson[]; alone: number[] };

/**
 * People as they are now, with their connected profiles. Everybody who was asked for by number or is behind a profile comes, also without one, but then nothing is told of them; a profile
 * without a person comes under its own number, made negative, if it is connected.
 */
export async function readSupplyPeople(
  db: Db,
  { people = [], profiles = [], keys = [] }: SupplyAsked,
): Promise<SupplyRead> {
  const { rows } = await sql<{
    people: (PersonColumns | number)[];
    alone: ProfileColumns[];
    named: number[];
  }>`/* supply.people */
    with named as materialized (
      select d.profile_no, d.person_no from deptrans.driver_persons d
       where d.profile_no = any(${numberList(profiles)}::int[])
      union all
      select d.profile_no, d.person_no
        from unnest(${textList(keys.map(([park]) => park))}, ${textList(keys.map(([, driver]) => driver))}) k(park_id, driver_id)
        join deptrans.driver_persons d on d.park_id = k.park_id and d.driver_id = k.driver_id),
    people as materialized (
      select unnest(${numberList(people)}::int[]) as person_no
      union select person_no from named where person_no is not null)
    select (
      select coalesce(json_agg(case when c.profiles is null then to_json(p.person_no) else json_build_array(p.person_no, p.driver_license_pd_id,
          b.state, ${ms('b.updated_at')}, t.session_status, ${ms('t.updated_at')}, ${ms('t.ended_at')}, coalesce(t.region, ''),
          c.profiles) end), '[]')
        from people join deptrans.persons p using (person_no)
        left join deptrans.profiles b on b.person_no = p.person_no and b.seq > 0
        left join deptrans.session_statuses t on t.person_no = p.person_no and not t.deleted and t.seq > 0
       cross join lateral (
         select json_agg(${profile} order by d.profile_no) as profiles
           from deptrans.driver_persons d ${connected}
          where d.driver_license_pd_id = p.driver_license_pd_id and not d.deleted) c) as people,
      (select coalesce(json_agg(${profile}), '[]')
         from (select distinct profile_no from named where person_no is null) n
         join deptrans.driver_persons d using (profile_no) ${connected}
        where not d.deleted) as alone,
      (select coalesce(json_agg(profile_no), '[]') from named where person_no is null) as named`.execute(db);
  const { people: found, alone, named } = rows[0]!;
  return { people: [...found.map(toPerson), ...alone.map((columns) => loner(toProfile(columns)))], alone: named };
}

/** The shifts of people as they are now, of each who was asked for. */
export async function readSupplySessions(db: Db, people: readonly number[]): Promise<SupplySession[]> {
  const { rows } = await sql<{ list: [number, string | null, Ms, Ms, string][] }>`/* supply.sessions */
    select coalesce(json_agg(json_build_array(p.no, t.session_status, ${ms('t.updated_at')}, ${ms('t.ended_at')}, coalesce(t.region, ''))), '[]') as list
      from unnest(${numberList(people)}::int[]) p(no)
      left join deptrans.session_statuses t on t.person_no = p.no and not t.deleted and t.seq > 0`.execute(db);
  return rows[0]!.list.map(([no, session, updatedAt, endedAt, sessionRegion]) => {
    return { no, session, sessionUpdatedAt: toMs(updatedAt), sessionEndedAt: toMs(endedAt), sessionRegion };
  });
}

/** The numbers of all profiles that are connected now, in lists of so many, each as a text: there may be hundreds of thousands. */
export async function readConnectedProfiles(db: Db, page: number): Promise<string[]> {
  const { rows } = await sql<{ list: string }>`/* supply.connected */
    select string_agg(profile_no::text, ',') as list
      from (select d.profile_no, (row_number() over () - 1) / ${page}::int as page
              from deptrans.driver_states s join deptrans.driver_persons d using (park_id, driver_id)
             where s.connected and not d.deleted) found
     group by page`.execute(db);
  return rows.map(({ list }) => list);
}

function toPerson(columns: PersonColumns | number): SupplyPerson {
  return typeof columns === 'number' ? { ...nobody, no: columns } : known(columns);
}

function known([no, person, binding, boundAt, session, sessionAt, endedAt, region, profiles]: PersonColumns) {
  return {
    no,
    person,
    binding,
    bindingUpdatedAt: toMs(boundAt),
    session,
    sessionUpdatedAt: toMs(sessionAt),
    sessionEndedAt: toMs(endedAt),
    sessionRegion: region,
    profiles: profiles.map(toProfile),
  };
}

function toProfile([no, parkId, driverId, categories, seenAt, isPublished]: ProfileColumns): SupplyProfile {
  return { no, parkId, driverId, categories, seenAt: toMs(seenAt) ?? Number.NEGATIVE_INFINITY, isPublished };
}

function loner(own: SupplyProfile): SupplyPerson {
  return { ...nobody, no: -own.no, profiles: [own] };
}

function toMs(time: Ms): number | null {
  return time === null ? null : Number(time);
}
