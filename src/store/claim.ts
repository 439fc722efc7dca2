import { type RawBuilder, sql } from 'kysely';
import type { Account, Look } from '../domain/report.ts';
import { numberList } from './compact.ts';
import type { Db } from './database.ts';
import { type AccountRow, accountColumns, readLooks, toAccount } from './look.ts';
import { together } from './together.ts';

/** A look at an account under a lease. */
export type ClaimedLook = Look & { token: number };

export type Claim = { looks: ClaimedLook[]; rulesVersion: number };

/** Claimed accounts, all in one column: a row costs our process more than what is in it. */
type Claimed = { claimed: [token: number, account: AccountRow['account']][] };

/**
 * Claims up to `limit` due accounts for `leaseMs`: a fifth of them the oldest, the rest the freshest. In the caller's transaction, which it
 * ends and which may commit asynchronously: a claim that is lost with the server is as if it had never been.
 *
 * After a failover nothing is claimed until `acceptHistory` has been there and lost calls have ended.
 *
 * A lease that ended with an intent written means that a call may have been made: doubt. The lock comes first and everything else is read in
 * the next statement, so that a change that committed in between is either seen here or has left its mark.
 */
export async function claim(tx: Db, limit: number, leaseMs: number): Promise<Claim> {
  const ofOldest = Math.ceil(limit / 5); // where there are fewer, nobody is left for the second
  const found = await together<[Claimed, Claimed]>(tx, 'claim.due', [
    claimSome(ofOldest, leaseMs, 'asc'),
    claimSome(limit - ofOldest, leaseMs, 'desc'),
  ]);
  return lookAt(tx, found.flat());
}

/** Reads the facts of claimed accounts, in the statement after the one that locked them. */
async function lookAt(tx: Db, rows: readonly Claimed[]): Promise<Claim> {
  const accounts: Account[] = [];
  const tokens: number[] = [];
  for (const { claimed } of rows) {
    for (const [token, account] of claimed) {
      accounts.push(toAccount({ account }));
      tokens.push(token);
    }
  }
  if (accounts.length === 0) return { looks: [], rulesVersion: 0 };
  const { looks, rulesVersion } = await readLooks(tx, accounts, { ends: true });
  return { looks: looks.map((look, i) => ({ ...look, token: tokens[i]! })), rulesVersion };
}

function claimSome(limit: number, leaseMs: number, order: 'asc' | 'desc'): RawBuilder<Claimed> | null {
  if (limit <= 0) return null;
  return sql<Claimed>`/* claim */
    with leased as (
    update deptrans.reports set
        doubt = doubt or suspect or target is not null, suspect = false, dirty = false, target = null,
        lease_token = nextval('deptrans.change_no'), due_at = (select deptrans.now()) + ${leaseMs} * interval '1 ms'
     where deptrans_id = any(array(
       select deptrans_id from deptrans.reports where due_at <= (select deptrans.now()) and (select deptrans.may_claim())
        order by due_at ${sql.raw(order)} limit ${limit} for no key update skip locked))
    returning ${accountColumns}, lease_token)
    ${allLeased}`;
}

const allLeased = sql`select coalesce(json_agg(json_build_array(lease_token, account)), '[]') as claimed from leased`;

/**
 * Claims up to `limit` resting accounts with an open session that is to be read again: those that are not on yet and whose time has come, or else
 * those that were last heard of more than `refreshMs` ago, the longest first. For the time that due accounts leave over.
 */
export async function claimStale(tx: Db, limit: number, leaseMs: number, refreshMs: number): Promise<Claim> {
  const { rows: issued } = await sql<Claimed>`/* claim.reread */
    with leased as (
    update deptrans.reports set dirty = false, target = null,
        lease_token = nextval('deptrans.change_no'), due_at = (select deptrans.now()) + ${leaseMs} * interval '1 ms'
     where deptrans_id = any(array(
       select deptrans_id from deptrans.reports
        where reread_at <= (select deptrans.now()) and believed and session_over_at is null
          and (select deptrans.may_claim()) and lease_token is null and not doubt and not suspect and coalesce(not_before, '-infinity') <= (select deptrans.now())
        order by reread_at limit ${limit} for no key update skip locked))
    returning ${accountColumns}, lease_token)
    ${allLeased}`.execute(tx);
  if (issued[0]!.claimed.length > 0) return lookAt(tx, issued);
  const { rows } = await sql<Claimed>`/* claim.stale */
    with leased as (
    update deptrans.reports set dirty = false, target = null,
        lease_token = nextval('deptrans.change_no'), due_at = (select deptrans.now()) + ${leaseMs} * interval '1 ms'
     where deptrans_id = any(array(
       select deptrans_id from deptrans.reports
        where believed and session_over_at is null and session_read_at <= (select deptrans.now()) - ${refreshMs} * interval '1 ms'
          and (select deptrans.may_claim()) and lease_token is null and not doubt and not suspect and coalesce(not_before, '-infinity') <= (select deptrans.now())
        order by session_read_at limit ${limit} for no key update skip locked))
    returning ${accountColumns}, lease_token)
    ${allLeased}`.execute(tx);
  return lookAt(tx, rows);
}

/** Gives leases back that carry no intent, so that another instance need not wait for their end. */
export async function release(db: Db, tokens: readonly number[]): Promise<void> {
  if (tokens.length === 0) return;
  await sql`/* claim.release */
    update deptrans.reports set lease_token = null, due_at = deptrans.now()
     where lease_token = any(${numberList(tokens)}::bigint[]) and target is null`.execute(db);
}
