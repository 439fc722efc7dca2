import { sql } from 'kysely';
import type { Look } from '../../src/domain/report.ts';
import { readBalance } from '../../src/store/balance.ts';
import { IDS } from './arena.ts';
import { placeOf, type Run } from './run.ts';

type AccountRow = {
  id: string;
  believed: boolean;
  doubt: boolean;
  lease_token: number | null;
  target: boolean | null;
  due_at: Date | null;
  parked_reason: string | null;
  wait_reason: string | null;
  session_status: string | null;
  session_end: Date | null;
  session_over_at: Date | null;
};

const accountsOf = async (run: Run): Promise<AccountRow[]> => {
  const { rows } = await sql<AccountRow>`
    select deptrans_id as id, believed, doubt, lease_token, target, due_at, parked_reason, wait_reason, session_status, session_end, session_over_at
      from deptrans.reports order by 1`.execute(run.arena.fast.db);
  return rows;
};

/** What holds after every command. Adds what does not to the run's problems. */
export async function checkAlways(run: Run): Promise<void> {
  const { problems, requests, setting, arena } = run;
  if (setting.nHolds) {
    const alive = requests.filter(({ state }) => state === 'unsent' || state === 'flying').map(({ id }) => id);
    for (const id of new Set(alive)) {
      if (alive.indexOf(id) !== alive.lastIndexOf(id)) problems.push(`two calls of ${id} may take effect`);
    }
  }
  if (run.checkedAt === arena.statements) return;
  for (const statement of arena.loose()) problems.push(`${statement} may be lost after it was told`);
  const accounts = await accountsOf(run);
  const { difference } = await readBalance(run.arena.fast.db);
  if (difference !== 0) problems.push(`the balance is ${difference} off`);
  const doubted = new Set(accounts.filter(({ doubt }) => doubt).map(({ id }) => id));
  for (const { id, lease_token, target, due_at } of accounts) {
    if (lease_token === null && target !== null) problems.push(`${id} has an intent without a lease`);
    if (lease_token !== null && due_at === null) problems.push(`${id} has a lease without an end`);
    if (run.doubted.has(id) && !doubted.has(id) && !run.cleared.has(id)) problems.push(`the doubt of ${id} went away`);
  }
  run.doubted = doubted;
  run.cleared.clear();
  run.checkedAt = arena.statements;
}

type Facts = {
  accounts: AccountRow[];
  profiles: { profile: string; person: string | null; works: boolean; connected_at: Date | null; connected: boolean }[];
  owners: { person: string; id: string }[];
  rows: { profile: string; wait_reason: string | null }[];
  sessions: { person: string; status: string; ended_at: Date | null; deleted: boolean }[];
};

async function readFacts(run: Run): Promise<Facts> {
  const { db } = run.arena.fast;
  const all = async <Row>(query: string) => (await sql.raw<Row>(query).execute(db)).rows;
  return {
    accounts: await accountsOf(run),
    profiles:
      await all(`select p.driver_id as profile, driver_license_pd_id as person, 'econom' = any(categories) as works,
      connected_at, coalesce(connected, false) as connected
      from deptrans.driver_persons p left join deptrans.driver_states using (park_id, driver_id)`),
    owners: await all(
      'select driver_license_pd_id as person, deptrans_id as id from deptrans.profiles where deptrans_id is not null',
    ),
    rows: await all('select driver_id as profile, wait_reason from deptrans.status_queue'),
    sessions: await all(
      'select driver_license_pd_id as person, session_status as status, ended_at, deleted from deptrans.session_statuses',
    ),
  };
}

/** What holds once nothing of ours is left to be done. */
export async function checkRest(run: Run): Promise<void> {
  const facts = await readFacts(run);
  const { problems } = run;
  for (const { profile, connected } of facts.profiles) {
    if (connected !== (run.drivers.get(profile)?.connected ?? false))
      problems.push(`the state of ${profile} is not its last`);
  }
  for (const account of facts.accounts) checkAccount(run, facts, account);
  for (const id of Object.values(IDS)) {
    const known = facts.accounts.some((account) => account.id === id);
    if (!known && run.regulator.isOpen(id)) problems.push(`${id} is open and has no account`);
  }
  checkRows(facts, problems);
  checkSessions(facts, problems);
}

/** What the regulator should know of an id: `either` while nobody knows where the driver is. */
function truthOf(run: Run, { owners, profiles }: Facts, id: string): 'open' | 'closed' | 'either' {
  const owner = owners.find((one) => one.id === id)?.person;
  const able = profiles.filter(
    ({ person, works, profile }) => owner && person === owner && works && run.drivers.get(profile)?.connected,
  );
  if (!run.regionOn) return 'closed';
  if (able.some(({ profile }) => placeOf(run, profile) === 'in')) return 'open';
  return able.some(({ profile }) => placeOf(run, profile) === 'unknown') ? 'either' : 'closed';
}

function checkAccount(run: Run, facts: Facts, account: AccountRow): void {
  const { id, believed, doubt, parked_reason, wait_reason, lease_token, session_over_at } = account;
  const { problems, regulator } = run;
  const truth = truthOf(run, facts, id);
  const open = regulator.isOpen(id);
  const { blocked, overAt } = regulator.known(id);
  if (lease_token !== null) problems.push(`${id} rests under a lease`);
  if (doubt && !parked_reason && wait_reason !== 'no_position') problems.push(`${id} rests in doubt`);
  if (parked_reason && !blocked) problems.push(`${id} is parked though nothing refuses it`);
  if (truth === 'closed' && open) problems.push(`${id} is open and should be closed`);
  const overIsRight =
    believed && (overAt !== null || (session_over_at !== null && run.setting.name.includes('verified')));
  if (truth === 'open' && !open && !parked_reason && !overIsRight) problems.push(`${id} is closed and should be open`);
  if (open !== believed && !doubt && !overIsRight) problems.push(`${id} is not what is believed`);
  const owner = facts.owners.find((one) => one.id === id)?.person;
  const cameBack = facts.profiles.some(
    ({ person, connected_at, profile }) =>
      person === owner &&
      placeOf(run, profile) === 'in' &&
      session_over_at &&
      connected_at &&
      connected_at > session_over_at,
  );
  if (truth === 'open' && !open && cameBack && !parked_reason)
    problems.push(`${id} came back after its shift and has no new one`);
}

function checkRows({ rows, profiles, owners, accounts }: Facts, problems: string[]): void {
  for (const { profile } of rows) {
    const person = profiles.find((one) => one.profile === profile)?.person;
    const id = owners.find((one) => one.person === person)?.id;
    const account = accounts.find((one) => one.id === id);
    const waits = person === null || account?.wait_reason === 'no_position' || account?.parked_reason;
    if (!waits) problems.push(`the row of ${profile} stays without a reason`);
  }
}

function checkSessions({ owners, accounts, sessions }: Facts, problems: string[]): void {
  for (const person of ['ann', 'bob', 'cid']) {
    const id = owners.find((one) => one.person === person)?.id;
    const account = accounts.find((one) => one.id === id);
    const session = sessions.find((one) => one.person === person && !one.deleted);
    const told = account?.session_status ? `${account.session_status} ${account.session_end?.toISOString()}` : 'none';
    const shown = session ? `${session.status} ${session.ended_at?.toISOString()}` : 'none';
    if (told !== shown) problems.push(`the session of ${person} is ${shown}, her account's ${told}`);
  }
}

/** A shift that the regulator ended is not opened again without a break. */
export function checkReopening(run: Run, { account, profiles }: Look): void {
  const { overAt } = run.regulator.known(account.deptransId);
  if (overAt === null || !account.believed || account.doubt) return;
  const broke = profiles.some(({ connected, connectedAt }) => connected && (connectedAt?.getTime() ?? 0) > overAt);
  if (!broke) run.problems.push(`${account.deptransId} is opened again without a break`);
}
