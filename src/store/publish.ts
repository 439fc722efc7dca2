import { sql } from 'kysely';
import { numberList } from './compact.ts';
import type { Db } from './database.ts';
import { together } from './together.ts';

/** What a transaction changed, by dense number: sessions and bindings by `person_no`, profiles by `profile_no`. No number twice. */
export type Changed = { sessions?: readonly number[]; bindings?: readonly number[]; profiles?: readonly number[] };

/**
 * Gives changed rows their numbers in commit order. The caller wrote the rows and holds their locks; this is the LAST statement of its
 * transaction, once, and the transaction commits synchronously, since subscribers see the numbers. Returns the last number, or null if nothing changed.
 * `ends`: it is committed with it, as `together` says.
 */
export async function publish(
  tx: Db,
  { sessions = [], bindings = [], profiles = [] }: Changed,
  { ends = false } = {},
): Promise<number | null> {
  if (sessions.length + bindings.length + profiles.length === 0) return null;
  const statement = sql<{ head: number }>`/* publish */
    select deptrans.publish(${numberList(sessions)}::int[], ${numberList(bindings)}::int[], ${numberList(profiles)}::int[]) as head`;
  const [[published]] = await together<[{ head: number }]>(tx, 'publish', [statement], { ends });
  return published!.head;
}
