import { sql } from 'kysely';
import type { Db } from './database.ts';

/** The neighbours that we keep a copy of. */
export const streamNames = ['profiles', 'categories'] as const;
export type StreamName = (typeof streamNames)[number];

/** How far the copy of a neighbour has come. */
export type StreamState = {
  /** The neighbour's own word for the position; null: from the beginning. */
  revision: string | null;
  /** The first full load has ended. */
  complete: boolean;
  /** A full reload is under way; rows whose own revision is below `reloadNo` have not been seen in it. */
  reloading: boolean;
  reloadNo: number;
  /** How long ago the neighbour last said that nothing is newer; null: never. */
  ageMs: number | null;
};

/** Where a stream stands. */
export async function readStream(db: Db, stream: StreamName): Promise<StreamState> {
  const { rows } = await sql<StreamState>`/* mirror.state */
    select revision, complete, reloading, reload_no as "reloadNo",
           (extract(epoch from deptrans.now() - confirmed_at) * 1000)::float8 as "ageMs"
      from deptrans.mirror_streams where stream = ${stream}`.execute(db);
  return rows[0] ?? { revision: null, complete: false, reloading: false, reloadNo: 0, ageMs: null };
}

/**
 * Locks a stream to the end of the transaction and gives its change a number. Null if it is not at `revision` any more: then somebody else went on, and a
 * page that was asked from there is stale.
 */
export async function lockStream(
  tx: Db,
  stream: StreamName,
  revision: string | null,
): Promise<{ complete: boolean; reloading: boolean; changeNo: number } | null> {
  await sql`/* mirror.make */
    insert into deptrans.mirror_streams (stream) values (${stream}) on conflict do nothing`.execute(tx);
  const { rows } = await sql<{ complete: boolean; reloading: boolean; changeNo: number }>`/* mirror.lock */
    select s.complete, s.reloading, nextval('deptrans.change_no') as "changeNo"
      from (select * from deptrans.mirror_streams where stream = ${stream} for update) s
     where s.revision is not distinct from ${revision}::text`.execute(tx);
  return rows[0] ?? null;
}

/** Moves a locked stream. `confirmed`: the neighbour said that nothing is newer, which ends the first load. */
export async function moveStream(
  tx: Db,
  stream: StreamName,
  { revision, confirmed }: { revision: string; confirmed: boolean },
): Promise<void> {
  await sql`/* mirror.move */
    update deptrans.mirror_streams set revision = ${revision}, complete = complete or (${confirmed} and not reloading),
           confirmed_at = case when ${confirmed} and not reloading then deptrans.now() else confirmed_at end
     where stream = ${stream}`.execute(tx);
}

/** Starts again from the beginning: the neighbour forgot our revision. What is not seen until the end is gone. */
export async function beginReload(tx: Db, stream: StreamName): Promise<void> {
  await sql`/* mirror.reload */
    update deptrans.mirror_streams set revision = null, reloading = true, reload_no = nextval('deptrans.change_no')
     where stream = ${stream}`.execute(tx);
}

/** Ends a reload: all of it was read and what was not seen is gone. */
export async function endReload(tx: Db, stream: StreamName): Promise<void> {
  await sql`/* mirror.reloaded */
    update deptrans.mirror_streams set reloading = false, complete = true, confirmed_at = deptrans.now()
     where stream = ${stream}`.execute(tx);
}
