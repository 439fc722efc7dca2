import { sql } from 'kysely';
import type { Settlement } from '../../src/domain/settlement.ts';
import type { ClaimedLook } from '../../src/store/claim.ts';
import type { Db } from '../../src/store/database.ts';
import { type AccountRow, accountColumns, readLooks, toAccount } from '../../src/store/look.ts';
import { upsertSessions } from '../../src/store/sessions.ts';
import type { SettleItem } from '../../src/store/settle.ts';
import type { Naive } from './run.ts';
import { NEVER_MS } from './trap.ts';

/** Settles calls that ended like `kind` in another way. */
export function onOutcome(kind: string, change: (item: SettleItem) => Partial<Settlement>): Naive {
  const ended = ({ journal }: SettleItem) => journal.some((one) => one.kind === 'outcome' && one.outcome === kind);
  return {
    item: (item) => (ended(item) ? { ...item, settlement: { ...item.settlement, ...change(item) } } : item),
  };
}

/** Takes something else for true than what was read of an account's profiles. */
export function seeing(change: (profile: ClaimedLook['profiles'][number], look: ClaimedLook) => object): Naive {
  return {
    look: (look) => ({ ...look, profiles: look.profiles.map((profile) => ({ ...profile, ...change(profile, look) })) }),
  };
}

export const withoutDoubt = ({ settlement: { account } }: SettleItem): Partial<Settlement> => ({
  account: { ...account, doubt: false, verifyAt: null },
});

const farAway = (look: ClaimedLook) => new Date(look.now.getTime() + NEVER_MS);

/** What a look at the accounts that are due would show, without any lock. */
async function peek(tx: Db) {
  const { rows } = await sql<AccountRow>`/* peek */
    select ${accountColumns} from deptrans.reports where due_at <= deptrans.now()`.execute(tx);
  const { looks } = await readLooks(tx, rows.map(toAccount));
  return new Map(looks.map((look) => [look.account.deptransId, look]));
}

export const readThenLocked: Naive = {
  async claim(tx, claim) {
    const before = await peek(tx);
    const { looks, rulesVersion } = await claim(tx);
    return { looks: looks.map((look) => ({ ...look, ...before.get(look.account.deptransId) })), rulesVersion };
  },
};

export const statesThenVersions: Naive = {
  async claim(tx, claim) {
    const claimed = await claim(tx);
    const accounts = claimed.looks.map(({ account }) => account);
    const before = await readLooks(tx, accounts);
    const after = await readLooks(tx, accounts);
    const looks = claimed.looks.map((look, i) => ({
      ...look,
      profiles: before.looks[i]!.profiles.map((profile, j) => ({
        ...profile,
        queued: after.looks[i]!.profiles[j]!.queued,
      })),
    }));
    return { ...claimed, looks };
  },
};

export const tokenOfNow: Naive = {
  async item(item, db) {
    const { rows } = await sql<{ lease_token: number }>`
      select lease_token from deptrans.reports where deptrans_id = ${item.look.account.deptransId}`.execute(db);
    return { ...item, look: { ...item.look, token: rows[0]!.lease_token } };
  },
};

export const sessionToTheClaimed: Naive = {
  async item(item, db) {
    const { settlement, look } = item;
    if (!settlement.session || !look.owner) return item;
    const { deptransId, region } = settlement.account;
    await upsertSessions(db, [{ ...look.owner, deptransId, region, session: settlement.session }]);
    return item;
  },
};

export const parkedForGood: Naive = {
  item: (item) => {
    const { account } = item.settlement;
    const parkedReason = account.parkedReason ?? item.look.account.parkedReason;
    if (parkedReason === null) return item;
    const parked = { ...account, parkedReason, parkUntil: farAway(item.look) };
    return { ...item, settlement: { ...item.settlement, account: parked, dueAt: null } };
  },
};

export const parkedStopsAll: Naive = {
  look: (look) => {
    if (look.account.parkedReason === null) return look;
    const profiles = look.profiles.map((profile) => ({ ...profile, connected: true }));
    return { ...look, account: { ...look.account, parkUntil: farAway(look) }, profiles };
  },
};

export const byQueuedRow: Naive = {
  look: (look) => {
    const queued = look.profiles.filter((profile) => profile.queued);
    return queued.length > 0 ? { ...look, profiles: queued } : look;
  },
};

export const closedWithoutTariff: Naive = {
  look: (look) =>
    look.profiles.every(({ categories }) => categories.length === 0)
      ? { ...look, account: { ...look.account, believed: false } }
      : look,
};
