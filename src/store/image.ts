import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';
import {
  type BindingRow,
  bindingColumns,
  type ProfileRow,
  profileColumns,
  type SessionRow,
  sessionColumns,
} from './feed-rows.ts';

/**
 * The whole state, page by page. Each page is a snapshot of its own, so nothing is held open in the database; pages overlap with commits made
 * meanwhile, and the numbers in the rows tell which version is which. Read the head of the log first: everything after it must be tailed.
 *
 * Rows that were never published (seq 0) are left out. The next page is under way while the caller works on the present one.
 */
export type Pages<Row> = AsyncGenerator<Row[], void, void>;

const PAGE_ROWS = 20_000;

export const readProfiles = (db: Db, signal?: AbortSignal): Pages<ProfileRow> =>
  pages((after) => {
    const query = sql<ProfileRow>`/* image.profiles */ select ${profileColumns} from deptrans.driver_persons t
      where t.profile_no > ${after} order by t.profile_no limit ${PAGE_ROWS}`;
    return rowsOf(query, db, signal);
  }, 'profile_no');

export const readBindings = (db: Db, signal?: AbortSignal): Pages<BindingRow> =>
  pages((after) => {
    const query = sql<BindingRow>`/* image.bindings */ select ${bindingColumns} from deptrans.profiles t
      where t.person_no > ${after} order by t.person_no limit ${PAGE_ROWS}`;
    return rowsOf(query, db, signal);
  }, 'person_no');

export const readSessions = (db: Db, signal?: AbortSignal): Pages<SessionRow> =>
  pages((after) => {
    const query = sql<SessionRow>`/* image.sessions */ select ${sessionColumns} from deptrans.session_statuses t
      where t.person_no > ${after} order by t.person_no limit ${PAGE_ROWS}`;
    return rowsOf(query, db, signal);
  }, 'person_no');

async function* pages<Key extends string, Row extends { seq: number } & Record<Key, number>>(
  read: (after: number) => Promise<Row[]>,
  key: Key,
): Pages<Row> {
  let page = await read(0);
  while (page.length > 0) {
    const next = page.length < PAGE_ROWS ? Promise.resolve([]) : read(page.at(-1)![key]);
    next.catch(() => {}); // thrown below, unless the caller has left by then
    yield page.filter((row) => row.seq > 0);
    page = await next;
  }
}

async function rowsOf<Row>(query: RawBuilder<Row>, db: Db, signal?: AbortSignal): Promise<Row[]> {
  return (await query.execute(db, signal && { signal })).rows;
}
