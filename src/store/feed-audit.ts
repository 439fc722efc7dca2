import { sql } from 'kysely';
import { type Db, inTransaction } from './database.ts';
import {
  BINDING_COLUMNS,
  type BindingRow,
  PROFILE_COLUMNS,
  type ProfileRow,
  SESSION_COLUMNS,
  type SessionRow,
} from './feed-rows.ts';
import { runPrepared } from './prepared.ts';
import { publish } from './publish.ts';

/** The published rows under a stretch of the dense numbers (of profiles and of people alike), read in one snapshot. */
export type Stretch = {
  epoch: string;
  /** The newest commit of that snapshot. */
  head: number;
  /** Numbers above `after`, up to `upTo`. */
  after: number;
  upTo: number;
  profiles: ProfileRow[];
  bindings: BindingRow[];
  sessions: SessionRow[];
};

/** Rows by number: profiles by `profile_no`, bindings and sessions by `person_no`. */
export type RowNos = { profiles: number[]; bindings: number[]; sessions: number[] };

const AUDIT = {
  name: 'feed.audit',
  text: `/* feed.audit */
    select deptrans.feed_epoch() as epoch,
      coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0) as head,
      (select coalesce(json_agg(r), '[]') from (select ${PROFILE_COLUMNS} from deptrans.driver_persons t
        where t.profile_no > $1 and t.profile_no <= $2 and t.seq > 0) r) as profiles,
      (select coalesce(json_agg(r), '[]') from (select ${BINDING_COLUMNS} from deptrans.profiles t
        where t.person_no > $1 and t.person_no <= $2 and t.seq > 0) r) as bindings,
      (select coalesce(json_agg(r), '[]') from (select ${SESSION_COLUMNS} from deptrans.session_statuses t
        where t.person_no > $1 and t.person_no <= $2 and t.seq > 0) r) as sessions`,
};

export async function readStretch(db: Db, after: number, upTo: number, signal?: AbortSignal): Promise<Stretch> {
  const rows = await runPrepared<Omit<Stretch, 'after' | 'upTo'>>(db, AUDIT, [after, upTo], signal);
  return { ...rows[0]!, after, upTo };
}

/** Gives rows new numbers, as they are, so that every copy of them is written anew. Rows that are gone by now are passed over. */
export async function renumberRows(db: Db, { profiles, bindings, sessions }: RowNos): Promise<number | null> {
  return await inTransaction(db, async (tx) => {
    const locked = async (query: ReturnType<typeof sql<{ no: number }>>) =>
      (await query.execute(tx)).rows.map(({ no }) => no);
    // In the one order of locks.
    const found = {
      profiles: await locked(sql`/* feed.renumber */ select profile_no as no from deptrans.driver_persons
        where profile_no = any(${profiles}::int[]) order by park_id, driver_id for no key update`),
      bindings: await locked(sql`/* feed.renumber */ select person_no as no from deptrans.profiles
        where person_no = any(${bindings}::int[]) order by driver_license_pd_id for no key update`),
      sessions: await locked(sql`/* feed.renumber */ select person_no as no from deptrans.session_statuses
        where person_no = any(${sessions}::int[]) order by driver_license_pd_id for no key update`),
    };
    return await publish(tx, found);
  });
}
