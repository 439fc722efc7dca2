import { sql } from 'kysely';
import type { Db } from './database.ts';
import {
  BINDING_COLUMNS,
  type BindingRow,
  PROFILE_COLUMNS,
  type ProfileRow,
  SESSION_COLUMNS,
  type SessionRow,
} from './feed-rows.ts';
import { runPrepared } from './prepared.ts';

/** One commit of the log. */
export type Commit = {
  seq: number;
  /** The commit before it. */
  prev: number;
  /** When it was made, microseconds since 1970. */
  at_us: number;
};

/** What changed after a number, read in one statement and so in one snapshot. */
export type Tail = {
  /** 32 hex digits: names the history that numbers belong to. */
  epoch: string;
  /** Tombstones up to this number may be gone. */
  floor: number;
  /** The newest commit of the database; 0 if there never was one. */
  head: number;
  /** In order; not all of them if there are many. Empty if nothing is new. */
  commits: Commit[];
  /** The rows those commits changed, as they are now: a row whose seq is above the last commit comes again with its own commit. */
  profiles: ProfileRow[];
  bindings: BindingRow[];
  sessions: SessionRow[];
};

const MAX_COMMITS = 500;
const MAX_ROWS = 20_000;

const TAIL = {
  name: 'feed.tail',
  text: `/* feed.tail */
    with log as materialized (
      select seq, prev, at, sessions, bindings, profiles from (
        select *, sum(size) over (order by seq) - size as before from (
          select *, cardinality(sessions) + cardinality(bindings) + cardinality(profiles) as size
            from deptrans.feed_log where seq > $1 order by seq limit ${MAX_COMMITS}) newer) sized
      where before < ${MAX_ROWS})
    select deptrans.feed_epoch() as epoch,
      (select floor_seq from deptrans.feed_state) as floor,
      coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0) as head,
      (select coalesce(json_agg(r order by r.seq), '[]')
         from (select seq, prev, (extract(epoch from at) * 1000000)::float8 as at_us from log) r) as commits,
      (select coalesce(json_agg(r), '[]') from (select ${PROFILE_COLUMNS} from deptrans.driver_persons t
        where t.profile_no = any(array(select distinct unnest(profiles) from log))) r) as profiles,
      (select coalesce(json_agg(r), '[]') from (select ${BINDING_COLUMNS} from deptrans.profiles t
        where t.person_no = any(array(select distinct unnest(bindings) from log))) r) as bindings,
      (select coalesce(json_agg(r), '[]') from (select ${SESSION_COLUMNS} from deptrans.session_statuses t
        where t.person_no = any(array(select distinct unnest(sessions) from log))) r) as sessions`,
};

/** Reads what changed after `after`: at most 500 commits, and none after those that together name 20,000 rows. */
export async function readTail(db: Db, after: number, signal?: AbortSignal): Promise<Tail> {
  return (await runPrepared<Tail>(db, TAIL, [after], signal))[0]!;
}

/** A moment and the newest number given by then. */
export type TimeMark = { at_us: number; seq: number };

/** The times of the log, one mark a second, in order. */
export async function readTimeMarks(db: Db, signal?: AbortSignal): Promise<TimeMark[]> {
  const { rows } = await sql<TimeMark>`/* feed.times */
    select (extract(epoch from max(at)) * 1000000)::float8 as at_us, max(seq) as seq
      from deptrans.feed_log group by date_trunc('second', at) order by seq`.execute(db, signal && { signal });
  return rows;
}
