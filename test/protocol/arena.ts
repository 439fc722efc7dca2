import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';
import { type Mutation, openSteppable, type Steppable } from './steppable.ts';

/** When every run begins, by the database's clock, which stands still between commands. */
export const BEGIN = Date.UTC(2026, 0, 5, 10);

/**
 * One database for many runs: emptied before each, with the people of the test in it. `fast` is for what happens at once, `slow` and `slower` for
 * the transactions that may stand still while others go on.
 */
export type Arena = AsyncDisposable & {
  readonly fast: Steppable;
  readonly slow: Steppable;
  readonly slower: Steppable;
  reset(mutations: readonly Mutation[]): Promise<void>;
  /** Mutations that were given to the last reset and met no statement since. */
  unmet(): readonly Mutation[];
  /** Statements that must be durable when they are told of, and were made in transactions which are not. */
  loose(): readonly string[];
  /** Moves `deptrans.now()` to `BEGIN` + `ms`, before the next statement. */
  setTime(ms: number): void;
  /** How many statements there were in all runs. */
  readonly statements: number;
  /** Whether some transaction waits for a lock. */
  someoneWaits(): Promise<boolean>;
};

/** Who is there: Ann with two profiles and id X, Bob with one and Y, Cid with one and no id; Z is nobody's. */
export const PROFILES = ['P1', 'P2', 'P3', 'P4'] as const;
export const PEOPLE = ['ann', 'bob', 'cid'] as const;
/** Ids are numbers; traces call them by letters. */
export const IDS = { X: '1001', Y: '1002', Z: '1003' } as const;

export async function openArena(url: string): Promise<Arena> {
  const stack = new AsyncDisposableStack();
  const watcher = stack.use(openSteppable(url));
  await installClock(watcher.db);
  let nowMs = 0;
  let shownMs = 0;
  const showTime = async () => {
    if (shownMs === nowMs) return;
    shownMs = nowMs;
    await sql`update deptrans.test_clock set shift = ${nowMs} * interval '1 ms'`.execute(watcher.db);
  };
  const fast = stack.use(openSteppable(url, showTime));
  const slow = stack.use(openSteppable(url, showTime));
  const slower = stack.use(openSteppable(url, showTime));
  return {
    fast,
    slow,
    slower,
    async reset(mutations) {
      fast.mutate([]);
      await empty(fast.db);
      await people(fast.db);
      for (const steppable of [fast, slow, slower]) steppable.mutate(mutations);
    },
    unmet: () => {
      const elsewhere = [slow.unmet(), slower.unmet()];
      return fast.unmet().filter((mutation) => elsewhere.every((unmet) => unmet.includes(mutation)));
    },
    loose: () => [fast, slow, slower].flatMap((steppable) => steppable.loose),
    setTime(ms) {
      nowMs = ms;
    },
    get statements() {
      return fast.statements + slow.statements + slower.statements;
    },
    async someoneWaits() {
      const { rows } = await sql<{ waits: boolean }>`
        select exists (select from pg_locks l join pg_stat_activity a using (pid)
                        where not l.granted and a.datname = current_database()) as waits`.execute(watcher.db);
      return rows[0]!.waits;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function installClock(db: Db): Promise<void> {
  await sql`create table deptrans.test_clock (shift interval not null)`.execute(db);
  await sql`insert into deptrans.test_clock values ('0')`.execute(db);
  await sql
    .raw(`create or replace function deptrans.now() returns timestamptz language sql volatile parallel safe as
    $f$ select timestamptz '${new Date(BEGIN).toISOString()}' + (select shift from deptrans.test_clock) $f$`)
    .execute(db);
}

async function empty(db: Db): Promise<void> {
  await sql`truncate deptrans.driver_states, deptrans.status_queue, deptrans.persons, deptrans.driver_persons, deptrans.profiles,
    deptrans.reports, deptrans.session_statuses, deptrans.topic_offsets, deptrans.balance, deptrans.reporting_rules, deptrans.feed_log,
    deptrans.journal, deptrans.session_history, deptrans.leaders restart identity cascade`.execute(db);
}

async function people(db: Db): Promise<void> {
  await sql`insert into deptrans.persons (driver_license_pd_id) values ('ann'), ('bob'), ('cid')`.execute(db);
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, person_revision, categories, categories_revision)
    select 'park', p, d, person_no, 0, '{econom}', 0
      from (values ('P1', 'ann'), ('P2', 'ann'), ('P3', 'bob'), ('P4', 'cid')) v(p, d)
      join deptrans.persons on driver_license_pd_id = d`.execute(db);
  await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at)
    select d, person_no, id, deptrans.now() from (values ('ann', ${IDS.X}), ('bob', ${IDS.Y})) v(d, id)
      join deptrans.persons on driver_license_pd_id = d`.execute(db);
  await sql`insert into deptrans.reports (deptrans_id) values (${IDS.X}), (${IDS.Y})`.execute(db);
  await sql`insert into deptrans.mirror_streams (stream, complete) values ('profiles', true), ('categories', true) on conflict do nothing`.execute(
    db,
  );
}
