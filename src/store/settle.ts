import { type RawBuilder, sql } from 'kysely';
import type { Settlement } from '../domain/settlement.ts';
import { type BalanceEntry, balanceEntries } from './balance.ts';
import type { ClaimedLook } from './claim.ts';
import { columnOf, rowsOf, textList } from './compact.ts';
import type { Db } from './database.ts';
import { type JournalEntry, journalLines } from './journal.ts';
import { publish } from './publish.ts';
import { type OwnedSession, sessionStatements, type UpsertedSessions } from './sessions.ts';
import { rowsDelete } from './settle-rows.ts';
import { together } from './together.ts';
import { wake } from './wake.ts';

/** A look that has come to its end. */
export type SettleItem = {
  look: ClaimedLook;
  settlement: Settlement;
  /** A call was sent and may have taken effect: if the lease is lost, the account must know. */
  mayHaveTakenEffect: boolean;
  /** What was exchanged with the regulator under this lease. */
  journal: readonly JournalEntry[];
};

export type SettleOptions = {
  slot: string;
  /** An event older than this when its row leaves is counted as expired. */
  maxAgeMs: number;
};

/** Items whose lease had been lost; their results were thrown away. */
export type SettleResult = { lost: ClaimedLook[] };

/**
 * Settles looks, in the caller's transaction, which it ends: what we believe of the account, its rows in the queue, the session of its present owner,
 * journal, balance, and last the feed. Guarded by the lease: who lost it changes nothing, but leaves a mark if a call of his may have taken effect.
 * Commits synchronously, since subscribers see the numbers. No account twice.
 */
export async function settle(
  tx: Db,
  items: readonly SettleItem[],
  { slot, maxAgeMs }: SettleOptions,
): Promise<SettleResult> {
  const told = items.filter(({ settlement }) => settlement.session !== undefined);
  const [[held], ended, moved] = await together<[Held, BalanceEntry, Owner, unknown, unknown]>(tx, 'settle.end', [
    lockLeases(items),
    rowsDelete(items, maxAgeMs),
    ownersQuery(told),
    journalLines(items.flatMap(({ journal }) => journal)),
    accountsUpdate(items), // gives the leases back
  ]);
  const tokens = new Set(held!.tokens);
  const isMine = ({ look }: SettleItem) => tokens.has(look.token);
  const lost = items.filter((item) => !isMine(item));
  await leaveMarks(tx, lost);
  const [, [upserted]] = await together<[unknown, UpsertedSessions, unknown]>(tx, 'settle.tell', [
    ...sessionStatements(sessionsOfOwners(told.filter(isMine), moved)),
    balanceEntries(slot, ended),
  ]);
  await publish(tx, { sessions: upserted?.changed ?? [] }, { ends: true });
  return { lost: lost.map(({ look }) => look) };
}

const TIMES = sql.raw(
  [
    'not_before',
    'due_at',
    'park_until',
    'session_over_at',
    'outside_since',
    'verify_at',
    'session_read_at',
    'reread_at',
    'session_end',
  ]
    .map((name) => `to_timestamp(${name} / 1000) as ${name}`)
    .join(', '),
);

/** The tokens of the leases that the accounts are under now; no token is ever given twice. */
type Held = { tokens: (number | null)[] };

/** Locks the accounts. What is sent behind it changes those alone whose lease still holds. */
function lockLeases(items: readonly SettleItem[]): RawBuilder<Held> {
  return sql<Held>`/* settle.lock */
    with held as (
      select lease_token from deptrans.reports
       where deptrans_id = any(${textList(columnOf(items, idOf))})
       order by deptrans_id for no key update)
    select coalesce(json_agg(lease_token), '[]') as tokens from held`;
}

const settled = rowsOf<SettleItem>('t', {
  id: ['text', ({ settlement: { account } }) => account.deptransId],
  token: ['bigint', ({ look }) => look.token],
  believed: ['boolean', ({ settlement: { account } }) => account.believed],
  doubt: ['boolean', ({ settlement: { account } }) => account.doubt],
  watched: ['boolean', ({ settlement: { watched } }) => watched],
  not_before: ['float8', ({ settlement: { notBefore } }) => notBefore?.getTime()],
  due_at: ['float8', ({ settlement: { dueAt } }) => dueAt?.getTime()],
  parked_reason: ['text', ({ settlement: { account } }) => account.parkedReason],
  park_until: ['float8', ({ settlement: { account } }) => account.parkUntil?.getTime()],
  park_count: ['int', ({ settlement: { account } }) => account.parkCount],
  wait_reason: ['text', ({ settlement: { waitReason } }) => waitReason],
  attempts: ['int', ({ settlement: { account } }) => account.attempts],
  region: ['text', ({ settlement: { account } }) => account.region],
  session_over_at: ['float8', ({ settlement: { account } }) => account.sessionOverAt?.getTime()],
  outside_since: ['float8', ({ settlement: { account } }) => account.outsideSince?.getTime()],
  verify_at: ['float8', ({ settlement: { account } }) => account.verifyAt?.getTime()],
  session_read_at: ['float8', ({ settlement: { account } }) => account.sessionReadAt?.getTime()],
  reread_at: ['float8', ({ settlement: { account } }) => account.rereadAt?.getTime()],
  session_told: ['boolean', ({ settlement: { session } }) => session !== undefined],
  session_id: ['text', ({ settlement: { session } }) => session?.id],
  session_status: ['text', ({ settlement: { session } }) => session?.status],
  session_raw: ['text', ({ settlement: { session } }) => session?.raw],
  session_end: ['float8', ({ settlement: { session } }) => session?.endsAt?.getTime()],
  session_end_is_estimate: ['boolean', ({ settlement: { session } }) => session?.endIsEstimate ?? false],
});

function accountsUpdate(items: readonly SettleItem[]): RawBuilder<unknown> {
  return sql`/* settle.accounts */
    update deptrans.reports r set believed = g.believed, doubt = g.doubt, watched = g.watched, not_before = g.not_before,
        due_at = case when r.dirty then greatest(deptrans.now(), g.not_before) else g.due_at end,
        lease_token = null, target = null, parked_reason = g.parked_reason, park_until = g.park_until, park_count = g.park_count,
        wait_reason = g.wait_reason, attempts = g.attempts, region = g.region, session_over_at = g.session_over_at,
        outside_since = case when r.dirty and r.outside_since = to_timestamp(0) then r.outside_since else g.outside_since end,
        verify_at = g.verify_at, session_read_at = g.session_read_at, reread_at = g.reread_at, changed_at = deptrans.now(),
        session_id = case when g.session_told then g.session_id else r.session_id end,
        session_status = case when g.session_told then g.session_status else r.session_status end,
        session_raw = case when g.session_told then g.session_raw else r.session_raw end,
        session_end = case when g.session_told then g.session_end else r.session_end end,
        session_end_is_estimate = case when g.session_told then g.session_end_is_estimate else r.session_end_is_estimate end
      from (select id, token, believed, doubt, watched, parked_reason, park_count, wait_reason, attempts, region, session_told, session_id,
                   session_status, session_raw, session_end_is_estimate, ${TIMES}
              from ${settled(items)}) g
     where r.deptrans_id = g.id and r.lease_token = g.token`;
}

/** Who lost the lease after a call that may have taken effect says so: the next claim will doubt. */
async function leaveMarks(tx: Db, lost: readonly SettleItem[]): Promise<void> {
  const ids = lost.filter((item) => item.mayHaveTakenEffect).map(({ look }) => look.account.deptransId);
  if (ids.length === 0) return;
  await sql`/* settle.suspect */ update deptrans.reports set suspect = true where deptrans_id = any(${textList(ids)})`.execute(
    tx,
  );
  await wake(tx, ids);
}

type Owner = { id: string; person: string | null; personNo: number };

const NOBODY = { person: null, personNo: 0 };

const ownersOf = rowsOf<SettleItem>('g', {
  id: ['text', idOf],
  person: ['text', ({ look }) => look.owner?.person],
});

/** Who owns the accounts now, where that is somebody else than at the look. */
function ownersQuery(told: readonly SettleItem[]): RawBuilder<Owner> | null {
  if (told.length === 0) return null;
  return sql<Owner>`/* settle.owners */
    select g.id, b.driver_license_pd_id as person, b.person_no as "personNo"
      from ${ownersOf(told)}
      left join deptrans.profiles b on b.deptrans_id = g.id
     where b.driver_license_pd_id is distinct from g.person`;
}

/** The sessions that were told under these leases, for whoever owns the accounts now. */
function sessionsOfOwners(told: readonly SettleItem[], moved: readonly Owner[]): OwnedSession[] {
  const now = new Map(moved.map((owner) => [owner.id, owner]));
  const sessions: OwnedSession[] = [];
  for (const { look, settlement } of told) {
    const { deptransId, region } = settlement.account;
    const { person, personNo } = now.get(deptransId) ?? look.owner ?? NOBODY;
    if (person !== null) sessions.push({ person, personNo, deptransId, region, session: settlement.session ?? null });
  }
  return sessions;
}

function idOf({ look }: SettleItem): string {
  return look.account.deptransId;
}
