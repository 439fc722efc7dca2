import { sql } from 'kysely';
import type { Db } from './database.ts';
import { appendJournal } from './journal.ts';
import { noteLicenceChanges, type ProfileMove } from './licence-changes.ts';
import { lockMapping } from './locks.ts';
import {
  lockMirrorRows,
  type MirrorKey,
  type MirrorRow,
  numberPeople,
  type PageMode,
  wakePeople,
} from './mirror-rows.ts';
import type { Changed } from './publish.ts';

/** Who is behind a profile, as driver-profiles says. */
export type MappingRow = MirrorKey & { person: string | null; deleted: boolean };

type Change = MappingRow & { before: MirrorRow | undefined };

/**
 * Writes a page of mappings (no profile twice) under the mapping lock: the accounts of old and new people are woken, then the profiles' queue rows
 * are routed anew. What may be a change of licence is noted. Returns what changed, for the caller to publish at the end of its transaction.
 */
export async function writeMappings(tx: Db, rows: readonly MappingRow[], mode: PageMode): Promise<Changed> {
  if (rows.length === 0) return {};
  await lockMapping(tx);
  const known = await lockMirrorRows(tx, rows);
  const changes = rows.map((row, i): Change => ({ ...row, before: known[i] }));
  // What was made and deleted between two looks is noted as deleted, so that its events wait for nobody. A load brings too many of those.
  const loading = mode.quiet || mode.touch;
  const added = changes.filter(({ before, deleted }) => !before && !(deleted && loading));
  const moved = changes.filter(({ before, ...row }) => before && !isSame(before, row));
  const same = changes.filter(({ before, ...row }) => before && isSame(before, row));
  await numberPeople(
    tx,
    [...added, ...moved].flatMap(({ person }) => person ?? []),
  );
  const addedNos = await insertMappings(tx, added, mode.changeNo);
  await updateMappings(tx, moved, mode.changeNo);
  if (mode.touch) await touchMappings(tx, same, mode.changeNo);
  const bindings = mode.quiet ? [] : await noteLicenceChanges(tx, moved.flatMap(leaving));
  await follow(tx, [...added, ...moved], mode.quiet);
  return { profiles: [...addedNos, ...moved.map(({ before }) => before!.profileNo)], bindings };
}

function leaving({ before, person }: Change): ProfileMove[] {
  return before?.person && before.person !== person ? [{ from: before.person, to: person }] : [];
}

/**
 * Deletes profiles that a reload did not see: up to `limit` of those with numbers above `after`. `next` is where to go on, null at the end;
 * `changed` is what to publish.
 */
export async function deleteUnseenMappings(
  tx: Db,
  { reloadNo, after, limit, mode }: { reloadNo: number; after: number; limit: number; mode: PageMode },
): Promise<{ changed: Changed; next: number | null }> {
  await lockMapping(tx);
  const { rows } = await sql<MirrorKey & { profileNo: number }>`/* mirror.unseen */
    select park_id as "parkId", driver_id as "driverId", profile_no as "profileNo" from deptrans.driver_persons
     where profile_no > ${after} and person_revision between 0 and ${reloadNo - 1} and not deleted
     order by profile_no limit ${limit}`.execute(tx);
  const gone = rows.map(({ parkId, driverId }) => ({ parkId, driverId, person: null, deleted: true }));
  const changed = await writeMappings(tx, gone, mode);
  return { changed, next: rows.length === limit ? rows.at(-1)!.profileNo : null };
}

function isSame(before: MirrorRow, { person, deleted }: { person: string | null; deleted: boolean }): boolean {
  return before.person === person && before.deleted === deleted;
}

async function insertMappings(tx: Db, rows: readonly MappingRow[], changeNo: number): Promise<number[]> {
  if (rows.length === 0) return [];
  const inserted = await sql<{ no: number }>`/* mirror.profiles.add */
    insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, deleted, person_revision)
    select u.park_id, u.driver_id, u.person, p.person_no, u.deleted, ${changeNo} from ${columns(rows)} order by 1, 2
    returning profile_no as no`.execute(tx);
  return inserted.rows.map(({ no }) => no);
}

async function updateMappings(tx: Db, rows: readonly MappingRow[], changeNo: number): Promise<void> {
  if (rows.length === 0) return;
  await sql`/* mirror.profiles.move */
    update deptrans.driver_persons d set driver_license_pd_id = u.person, person_no = p.person_no, deleted = u.deleted,
           person_revision = ${changeNo}
      from ${columns(rows)} where d.park_id = u.park_id and d.driver_id = u.driver_id`.execute(tx);
}

async function touchMappings(tx: Db, rows: readonly MappingRow[], changeNo: number): Promise<void> {
  if (rows.length === 0) return;
  await sql`/* mirror.profiles.touch */
    update deptrans.driver_persons d set person_revision = ${changeNo}
      from ${columns(rows)} where d.park_id = u.park_id and d.driver_id = u.driver_id`.execute(tx);
}

function columns(rows: readonly MappingRow[]) {
  return sql`unnest(${rows.map((r) => r.parkId)}::text[], ${rows.map((r) => r.driverId)}::text[],
                    ${rows.map((r) => r.person)}::text[], ${rows.map((r) => r.deleted)}::boolean[]) u(park_id, driver_id, person, deleted)
      left join lateral (
        select p.person_no from deptrans.persons p where p.driver_license_pd_id = u.person limit 1) p on true`;
}

/** Looks again at everybody whom a change concerns, and notes in the journal who lost and who got a profile. */
async function follow(tx: Db, changes: readonly Change[], quiet: boolean): Promise<void> {
  if (quiet || changes.length === 0) return;
  const people = changes.flatMap(({ before, person }) => [before?.person, person].filter((one) => one != null));
  await wakePeople(tx, people, changes);
  const left = changes.filter(({ before }) => before?.person);
  await appendJournal(
    tx,
    left.flatMap(({ before, person, deleted, parkId, driverId }) => {
      const reason = deleted ? 'profile_deleted' : 'profile_moved';
      const line = { kind: 'binding' as const, parkId, driverId, reason };
      const lost = { ...line, person: before!.person, outcome: 'profile_lost' };
      return person === null ? [lost] : [lost, { ...line, person, outcome: 'profile_gained' }];
    }),
  );
}
