import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';
import { accountColumns, readLooks, toAccount } from '../../src/store/look.ts';
import { upsertSessions } from '../../src/store/sessions.ts';
import { FIRST_CHANGE } from './run.ts';
import { SETTINGS } from './settings.ts';
import type { Trap } from './trap.ts';

const { lookUp } = SETTINGS;

/** What a look at the accounts that are due would show, without any lock. */
async function peek(tx: Db) {
  const { rows } = await sql<Parameters<typeof toAccount>[0]>`/* peek */
    select ${accountColumns} from deptrans.reports where due_at <= deptrans.now()`.execute(tx);
  const { looks } = await readLooks(tx, rows.map(toAccount));
  return new Map(looks.map((look) => [look.account.deptransId, look]));
}

/** Traps about what is stored, locked and read when, and about who an account belongs to. */
export const stateTraps: readonly Trap[] = [
  {
    name: '2: a report per row of the queue',
    setting: lookUp,
    naive: {
      look: (look) => {
        const queued = look.profiles.filter((profile) => profile.queued);
        return queued.length > 0 ? { ...look, profiles: queued } : look;
      },
    },
    trace: 'event P1 on · w1 reports · event P2 on · w1 reports · event P1 off',
    found: /closed and should be open/,
  },
  {
    name: '3: rows are deleted whatever came',
    setting: lookUp,
    naive: { mutations: [{ statement: 'settle.rows', take: 'and q.version = g.version', put: '' }] },
    trace: 'event P1 on · w1 sends · answer w1 · event P1 off · settle w1',
    found: /open and should be closed/,
  },
  {
    name: '4: versions are counted by row',
    setting: lookUp,
    naive: {
      mutations: [
        { statement: 'queue.put', take: 'carries_event, due_at)', put: 'carries_event, due_at, version)' },
        { statement: 'queue.put', take: 'true, n.at\n', put: 'true, n.at, 1\n' },
        {
          statement: 'queue.put',
          take: 'version = excluded.version',
          put: 'version = deptrans.status_queue.version + 1',
        },
      ],
    },
    trace: 'event P1 on · w1 sends · remap P1 bob · w2 reports · event P1 off · answer w1 · settle w1',
    found: /open and should be closed/,
  },
  {
    name: '5: read, then locked',
    setting: lookUp,
    naive: {
      async claim(tx, claim) {
        const before = await peek(tx);
        const { looks, rulesVersion } = await claim(tx);
        return { looks: looks.map((look) => ({ ...look, ...before.get(look.account.deptransId) })), rulesVersion };
      },
    },
    trace:
      'event P1 on · route · slow 4 claim w4 · event P2 on · event P1 off · event P2 off · route · go · decide w4 · intent w4 · send w4 · answer w4 · settle w4',
    found: /open and should be closed/,
  },
  {
    name: '6: states are read before versions',
    setting: lookUp,
    naive: {
      async claim(tx, claim) {
        const claimed = await claim(tx);
        const before = await readLooks(
          tx,
          claimed.looks.map(({ account }) => account),
        );
        const after = await readLooks(
          tx,
          claimed.looks.map(({ account }) => account),
        );
        const looks = claimed.looks.map((look, i) => ({
          ...look,
          profiles: before.looks[i]!.profiles.map((profile, j) => ({
            ...profile,
            queued: after.looks[i]!.profiles[j]!.queued,
          })),
        }));
        return { ...claimed, looks };
      },
    },
    trace:
      'event P1 on · route · slow 6 claim w4 · event P1 off · go · decide w4 · intent w4 · send w4 · answer w4 · settle w4',
    found: /open and should be closed/,
  },
  {
    name: '7: settling forgets what came meanwhile',
    setting: lookUp,
    naive: {
      mutations: [
        {
          statement: 'settle.accounts',
          take: 'case when r.dirty then greatest(deptrans.now(), g.not_before) else g.due_at end',
          put: 'g.due_at',
        },
      ],
    },
    trace: 'event P1 on · w1 sends · answer w1 · event P1 off · route · settle w1',
    found: /open and should be closed/,
  },
  {
    name: '22: an old entry is dropped',
    setting: lookUp,
    naive: {
      look: (look) => ({
        ...look,
        profiles: look.profiles.map((profile) => {
          const isOld = profile.queued && look.now.getTime() - profile.queued.eventAt.getTime() > 300_000;
          return isOld ? { ...profile, connected: false } : profile;
        }),
      }),
    },
    trace: 'event P1 on · wait 310',
    found: /closed and should be open/,
  },
  {
    name: '23: who may not work is not disconnected either',
    setting: lookUp,
    naive: {
      look: (look) =>
        look.profiles.every(({ categories }) => categories.length === 0)
          ? { ...look, account: { ...look.account, believed: false } }
          : look,
    },
    trace: 'event P1 on · w1 reports · tariff P1 off · tariff P2 off',
    found: /open and should be closed/,
  },
  {
    name: '24: a region is drained by one statement',
    setting: lookUp,
    naive: { drainsOnce: true },
    trace: 'event P1 on · w1 sends · region off · answer w1 · settle w1',
    found: /open and should be closed/,
  },
  {
    name: '25: binding and mirror without a common lock',
    setting: lookUp,
    naive: { mutations: [{ statement: 'mapping.lock', take: 'pg_advisory_xact_lock(7300)', put: '7300' }] },
    trace: 'event P4 on · route · slow 6 remap P4 ann · bind ann Z · w1 reports · w1 reports · go',
    found: /closed and should be open/,
  },
  {
    name: '26: only the new person is woken',
    setting: lookUp,
    naive: {
      mutations: [
        {
          statement: 'mirror.accounts',
          take: 'and deptrans_id is not null',
          put: `and deptrans_id is not null and exists (select from deptrans.driver_persons d
                 where d.driver_license_pd_id = profiles.driver_license_pd_id and d.person_revision > ${FIRST_CHANGE})`,
        },
      ],
    },
    trace: 'event P1 on · w1 reports · remap P1 cid',
    found: /open and should be closed/,
  },
  {
    name: '27: rows stay with the account they were handed to',
    setting: lookUp,
    naive: {
      mutations: [
        { statement: 'mirror.requeue', take: 'set due_at = (select deptrans.now())', put: 'set due_at = q.due_at' },
      ],
    },
    trace: 'event P1 on · route · remap P1 cid',
    found: /stays without a reason/,
  },
  {
    name: '28: route trusts what it read first',
    setting: lookUp,
    naive: { mutations: [{ statement: 'route.map', reads: 'once' }] },
    trace: 'slow 9 unbind ann · event P1 on · slower 3 route · go · go slower',
    found: /stays without a reason/,
  },
  {
    name: '29: the session goes to the person of the claim',
    setting: lookUp,
    naive: {
      async item(item, db) {
        const { settlement, look } = item;
        if (!settlement.session || !look.owner) return item;
        const { deptransId, region } = settlement.account;
        await upsertSessions(db, [{ ...look.owner, deptransId, region, session: settlement.session }]);
        return item;
      },
    },
    trace: 'event P1 on · w1 sends · bind bob X · answer w1 · settle w1',
    found: /the session of ann/,
  },
  {
    name: '30: a session follows only reports',
    setting: lookUp,
    naive: {
      mutations: [
        {
          statement: 'sessions.upsert',
          take: 'from given g left join',
          put: 'from (select * from given where not deleted) g left join',
        },
      ],
    },
    trace: 'event P1 on · w1 reports · unbind ann',
    found: /the session of ann/,
  },
  {
    name: '41: a binding is saved by who commits last',
    setting: lookUp,
    naive: { savesAnyCheck: true },
    trace: 'check ann Z · bind bob Z · save ann',
    found: /an older check/,
  },
];
