import { sql } from 'kysely';
import type { SessionStatus } from '../domain/session.ts';
import type { Db } from './database.ts';
import { accountHash, appendJournal } from './journal.ts';
import { publish } from './publish.ts';
import { type OwnedSession, upsertSessions } from './sessions.ts';
import { requeuePeople, wake } from './wake.ts';

/** A person leaves one id for another, or for none. */
export type BindingChange = { person: string; personNo: number; from: string | null; to: string | null };

export type ChangeCause = { journalKey: string; reason: string; by?: { parkId: string; driverId: string } };

/**
 * Writes changes of bindings and everything that hangs on them, and publishes, last. The caller holds the mapping lock and the rows of
 * `profiles`; who loses an id comes before who gets it. Locks go on in the order accounts, queue, sessions. Returns when it was.
 *
 * Both accounts of each person are woken (the one left must be closed, the one gained opened), then their queue rows are routed anew.
 */
export async function changeBindings(tx: Db, changes: readonly BindingChange[], cause: ChangeCause): Promise<Date> {
  let updatedAt = new Date(0);
  for (const change of changes) updatedAt = await writeProfile(tx, change);
  const gained = changes.flatMap(({ to }) => (to === null ? [] : [to]));
  const lost = changes.flatMap(({ from }) => (from === null ? [] : [from]));
  const touched = [...new Set([...gained, ...lost])];
  await sql`/* bindings.account */
    insert into deptrans.reports (deptrans_id) select unnest(${gained}::text[]) on conflict do nothing`.execute(tx);
  await wake(tx, touched);
  const accounts = await renumberAccounts(tx, touched, gained);
  await requeuePeople(
    tx,
    changes.map(({ person }) => person),
  );
  const sessions = await upsertSessions(
    tx,
    changes.map((change) => sessionAfter(change, accounts)),
  );
  await journal(tx, changes, cause);
  await publish(tx, { sessions, bindings: changes.map(({ personNo }) => personNo) });
  return updatedAt;
}

async function writeProfile(tx: Db, { person, personNo, to }: BindingChange): Promise<Date> {
  const { rows } = await sql<{ updated_at: Date }>`/* bindings.write */
    insert into deptrans.profiles as p (driver_license_pd_id, person_no, deptrans_id, updated_at, checked_at, state)
    select ${person}, ${personNo}, ${to}::text, t, case when ${to}::text is not null then t end,
           case when ${to}::text is null then 'unbound' else 'bound' end
      from (select deptrans.now() as t) now
    on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id, updated_at = excluded.updated_at,
      bind_no = excluded.bind_no, checked_at = coalesce(excluded.checked_at, p.checked_at), state = excluded.state
    returning updated_at`.execute(tx);
  return rows[0]!.updated_at;
}

type AccountSession = {
  deptrans_id: string;
  region: string | null;
  session_status: SessionStatus | null;
  session_raw: string | null;
  session_end: Date | null;
  session_end_is_estimate: boolean;
};

/**
 * Gives accounts a new `bind_no`; those that got an owner are no longer parked: what refused the earlier one may suit this one. The new owner, if outside,
 * has not just left: the dwell is over (`outside_since` is the epoch, which a settlement that was under way does not overwrite).
 */
async function renumberAccounts(tx: Db, touched: readonly string[], gained: readonly string[]) {
  const { rows } = await sql<AccountSession>`/* bindings.renumber */
    update deptrans.reports r set bind_no = nextval('deptrans.change_no'), changed_at = deptrans.now(),
        parked_reason = case when g then null else parked_reason end, park_until = case when g then null else park_until end,
        park_count = case when g then 0 else park_count end,
        outside_since = case when g then to_timestamp(0) else outside_since end
      from (select id, id = any(${[...gained]}::text[]) as g from unnest(${[...touched]}::text[]) id) t
     where r.deptrans_id = t.id
    returning deptrans_id, region, session_status, session_raw, session_end, session_end_is_estimate`.execute(tx);
  return new Map(rows.map((row) => [row.deptrans_id, row]));
}

/** The session is the account's: who gets the id gets its session, who loses it has none. */
function sessionAfter({ person, personNo, to }: BindingChange, accounts: Map<string, AccountSession>): OwnedSession {
  const account = to === null ? undefined : accounts.get(to);
  const session: OwnedSession['session'] = account?.session_status
    ? {
        status: account.session_status,
        raw: account.session_raw,
        endsAt: account.session_end,
        endIsEstimate: account.session_end_is_estimate,
      }
    : null;
  return { person, personNo, deptransId: to ?? '', region: account?.region ?? null, session };
}

async function journal(tx: Db, changes: readonly BindingChange[], { journalKey, reason, by }: ChangeCause) {
  const entries = changes.flatMap(({ person, from, to }) => {
    const entry = (outcome: string, id: string) => ({
      kind: 'binding' as const,
      person,
      account: accountHash(journalKey, id),
      outcome,
      reason,
      ...by,
    });
    return [
      ...(from === null || from === to ? [] : [entry('unbound', from)]),
      ...(to === null ? [] : [entry('bound', to)]),
    ];
  });
  await appendJournal(tx, entries);
}
