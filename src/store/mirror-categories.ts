import { sql } from 'kysely';
import type { Db } from './database.ts';
import { lockMapping } from './locks.ts';
import { lockMirrorRows, type MirrorKey, type PageMode, wakePeople } from './mirror-rows.ts';
import { noteSupplyChanges } from './supply-changes.ts';

/** The tariffs of a profile, sorted, as driver-categories-api says. */
export type CategoriesRow = MirrorKey & { categories: string[] };

/**
 * Writes a page of tariffs (no profile twice) under the mapping lock. People whose tariffs changed are looked at again; nothing is
 * published, since the feed does not carry tariffs. A profile that driver-profiles has not named yet gets a row without a person.
 */
export async function writeCategories(tx: Db, rows: readonly CategoriesRow[], mode: PageMode): Promise<void> {
  if (rows.length === 0) return;
  await lockMapping(tx);
  const known = await lockMirrorRows(tx, rows);
  const added = rows.filter((_, i) => !known[i]);
  const isSame = (i: number) => known[i] && known[i].categories.join('\n') === rows[i]!.categories.join('\n');
  const changed = rows.filter((_, i) => known[i] && !isSame(i));
  const same = rows.filter((_, i) => isSame(i));
  if (added.length > 0) {
    await sql`/* mirror.categories.add */
      insert into deptrans.driver_persons (park_id, driver_id, categories, categories_revision)
      select u.park_id, u.driver_id, u.categories, ${mode.changeNo} from ${columns(added)} order by 1, 2`.execute(tx);
  }
  if (changed.length > 0) {
    await sql`/* mirror.categories.change */
      update deptrans.driver_persons d set categories = u.categories, categories_revision = ${mode.changeNo}
        from ${columns(changed)} where d.park_id = u.park_id and d.driver_id = u.driver_id`.execute(tx);
  }
  if (mode.touch && same.length > 0) {
    await sql`/* mirror.categories.touch */
      update deptrans.driver_persons d set categories_revision = ${mode.changeNo}
        from ${columns(same)} where d.park_id = u.park_id and d.driver_id = u.driver_id`.execute(tx);
  }
  if (mode.quiet) return;
  await noteSupplyChanges(tx, [...changed, ...added]);
  const people = rows.flatMap((_, i) => (isSame(i) ? [] : (known[i]?.person ?? [])));
  await wakePeople(tx, people, changed);
}

/** Empties the tariffs of profiles that a reload did not see: up to `limit` with numbers above `after`. `next`: where to go on. */
export async function clearUnseenCategories(
  tx: Db,
  { reloadNo, after, limit, mode }: { reloadNo: number; after: number; limit: number; mode: PageMode },
): Promise<{ next: number | null }> {
  await lockMapping(tx);
  const { rows } = await sql<MirrorKey & { profileNo: number }>`/* mirror.categories.unseen */
    select park_id as "parkId", driver_id as "driverId", profile_no as "profileNo" from deptrans.driver_persons
     where profile_no > ${after} and categories_revision between 0 and ${reloadNo - 1} and categories <> '{}'
     order by profile_no limit ${limit}`.execute(tx);
  await writeCategories(
    tx,
    rows.map(({ parkId, driverId }) => ({ parkId, driverId, categories: [] })),
    mode,
  );
  return { next: rows.length === limit ? rows.at(-1)!.profileNo : null };
}

/** Lists of tariffs travel as JSON: arrays of arrays must be of one length. */
function columns(rows: readonly CategoriesRow[]) {
  const lists = rows.map((row) => JSON.stringify(row.categories));
  return sql`(select k.park_id, k.driver_id, array(select jsonb_array_elements_text(k.list)) as categories
      from unnest(${rows.map((r) => r.parkId)}::text[], ${rows.map((r) => r.driverId)}::text[], ${lists}::jsonb[])
        k(park_id, driver_id, list)) u`;
}
