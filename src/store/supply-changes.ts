import { sql } from 'kysely';
import { textList } from './compact.ts';
import type { Db } from './database.ts';

/** Where a reader of changes stands. Nothing of it means anything in another history of the database, or after a crash of the server. */
export type SupplyPosition = {
  /** Names the history, the server's present life, and which neighbours have been loaded. */
  epoch: string;
  /** The transactions that were visible. */
  snapshot: string;
  /** The newest commit of the feed's log. */
  seq: number;
};

/** What changed: numbers and keys of profiles, numbers of people by their ids and by their shifts; some may come again. */
export type SupplyChanges = {
  position: SupplyPosition;
  profiles: number[];
  /** park_id and driver_id. */
  keys: [string, string][];
  bindings: number[];
  sessions: number[];
  /** The feed's log begins after where the reader stood: changes may be missing. */
  isBroken: boolean;
};

// The very first load of a neighbour tells of no tariffs: when it has ended, everybody is to be counted anew.
const epoch = sql`concat_ws('/', deptrans.timeline(), extract(epoch from pg_postmaster_start_time()),
  (select epoch_no from deptrans.feed_state), (select string_agg(stream, ',' order by stream) from deptrans.mirror_streams where complete))`;

/** Where to follow from. Whatever is read after this and changes later is told. */
export async function readSupplyPosition(db: Db): Promise<SupplyPosition> {
  const { rows } = await sql<SupplyPosition>`/* supply.position */
    select ${epoch} as epoch, pg_current_snapshot()::text as snapshot,
           coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0) as seq`.execute(db);
  return rows[0]!;
}

/**
 * What was committed since. One snapshot: whatever is read later shows at least that much. Commits are found by their transactions, since no number that
 * is taken before a commit says in which order commits become visible.
 */
export async function readSupplyChanges(db: Db, since: SupplyPosition): Promise<SupplyChanges> {
  const { rows } = await sql<{
    at: SupplyPosition;
    changes: [number[], string[]][];
    commits: CommitRow[];
  }>`/* supply.changes */
    select json_build_object('epoch', ${epoch}, 'snapshot', pg_current_snapshot()::text,
             'seq', coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0)) as at,
      (select coalesce(json_agg(json_build_array(profiles, keys)), '[]') from deptrans.supply_changes
        where tx >= pg_snapshot_xmin(${since.snapshot}::pg_snapshot)
          and not pg_visible_in_snapshot(tx, ${since.snapshot}::pg_snapshot)) as changes,
      (select coalesce(json_agg(json_build_array(prev, sessions, bindings, profiles) order by seq), '[]') from deptrans.feed_log
        where seq > ${since.seq}) as commits`.execute(db);
  const { at: position, changes, commits } = rows[0]!;
  const isSame = position.epoch === since.epoch && position.seq >= since.seq;
  const first = commits[0]?.[0];
  return {
    position,
    profiles: [...changes.flatMap(([profiles]) => profiles), ...commits.flatMap(([, , , profiles]) => profiles)],
    keys: changes.flatMap(([, keys]) => pairs(keys)),
    bindings: commits.flatMap(([, , bindings]) => bindings),
    sessions: commits.flatMap(([, sessions]) => sessions),
    isBroken: !isSame || (first !== undefined && first !== since.seq),
  };
}

type CommitRow = [prev: number, sessions: number[], bindings: number[], profiles: number[]];

function pairs(keys: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < keys.length; i += 2) found.push([keys[i]!, keys[i + 1]!]);
  return found;
}

/** Tells of profiles whose tariffs changed, in the transaction that changes them. */
export async function noteSupplyChanges(
  tx: Db,
  profiles: readonly { parkId: string; driverId: string }[],
): Promise<void> {
  if (profiles.length === 0) return;
  await sql`/* supply.note */
    insert into deptrans.supply_changes (at, profiles, keys)
    select deptrans.now(), '{}', ${textList(profiles.flatMap(({ parkId, driverId }) => [parkId, driverId]))}`.execute(
    tx,
  );
}

/** Forgets changes that nobody can need who did not lose his place. Returns how many. */
export async function deleteSupplyChanges(db: Db, keepMs: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`/* supply.forget */
    delete from deptrans.supply_changes where ctid = any(array(
      select ctid from deptrans.supply_changes where at < (select deptrans.now()) - ${keepMs} * interval '1 ms' limit ${limit}))`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
