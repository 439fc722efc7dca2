import { type RawBuilder, sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * Takes or renews the leadership `name` for `leaseMs`. Returns the term if `holder` leads now, else null. A term begins with each new
 * holder (and with each lapse), so writes that name their term are refused once another leads.
 */
export async function lead(db: Db, name: string, holder: string, leaseMs: number): Promise<number | null> {
  const { rows } = await leading(name, holder, leaseMs).execute(db);
  return rows[0]?.term ?? null;
}

/** `lead` as a statement: a row with the term if `holder` leads. */
export function leading(name: string, holder: string, leaseMs: number): RawBuilder<{ term: number }> {
  return sql<{ term: number }>`/* leaders.lead */
    insert into deptrans.leaders as l (name, holder, term, expires_at)
    values (${name}, ${holder}, 1, deptrans.now() + ${leaseMs} * interval '1 ms')
    on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at,
      term = case when l.holder = excluded.holder and l.expires_at > deptrans.now() then l.term else l.term + 1 end
    where l.holder = excluded.holder or l.expires_at <= deptrans.now()
    returning term`;
}

/** Locks the leadership for the rest of the transaction. False if `term` is over: then nothing may be written. */
export async function holdTerm(tx: Db, name: string, term: number): Promise<boolean> {
  const { rows } = await sql`/* leaders.hold */
    select 1 from deptrans.leaders where name = ${name} and term = ${term} for share`.execute(tx);
  return rows.length === 1;
}

/** Gives the leadership up, so that another need not wait for the lease to end. */
export async function resign(db: Db, name: string, holder: string): Promise<void> {
  await sql`/* leaders.resign */
    update deptrans.leaders set expires_at = deptrans.now() where name = ${name} and holder = ${holder}`.execute(db);
}
