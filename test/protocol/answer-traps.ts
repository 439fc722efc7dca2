import { sql } from 'kysely';
import type { Settlement } from '../../src/domain/settlement.ts';
import type { ClaimedLook } from '../../src/store/claim.ts';
import type { SettleItem } from '../../src/store/settle.ts';
import { SETTINGS } from './settings.ts';
import type { Trap } from './trap.ts';

const { lookUp, already, verify, fence, fenceReading } = SETTINGS;
const NEVER_MS = 100 * 3_600_000;
const LOST = 'w1 sends · land X · lose w1 · settle w1';

/** Settles calls that ended like `kind` in another way. */
const onOutcome =
  (kind: string, change: (item: SettleItem) => Partial<Settlement>) =>
  (item: SettleItem): SettleItem => {
    const ended = item.journal.some((entry) => entry.kind === 'outcome' && entry.outcome === kind);
    return ended ? { ...item, settlement: { ...item.settlement, ...change(item) } } : item;
  };

const withoutDoubt = ({ settlement: { account } }: SettleItem): Partial<Settlement> => ({
  account: { ...account, doubt: false, verifyAt: null },
});

const farAway = (look: ClaimedLook) => new Date(look.now.getTime() + NEVER_MS);

/** Traps about calls: what is sent, what an answer means, and what is done when there is none. */
export const answerTraps: readonly Trap[] = [
  {
    name: '8: settle without token',
    setting: already,
    naive: {
      async item(item, db) {
        const { rows } = await sql<{ lease_token: number }>`
          select lease_token from deptrans.reports where deptrans_id = ${item.look.account.deptransId}`.execute(db);
        return { ...item, look: { ...item.look, token: rows[0]!.lease_token } };
      },
    },
    trace: 'event P1 on · w1 sends · answer w1 · wait 38 · w2 sends · settle w1 · event P1 off · w3 sends',
    found: /two calls/,
  },
  {
    name: '9: an intent without a guard',
    setting: lookUp,
    naive: {
      mutations: [
        { statement: 'intent', take: 'r.lease_token = g.token and r.due_at > (select deptrans.now())', put: 'true' },
        { statement: 'intent', take: 'and r.lease_token = given.token', put: '' },
        { statement: 'intent', take: 'returning r.lease_token', put: 'returning given.token as lease_token' },
      ],
    },
    trace: 'event P1 on · route · claim w1 · wait 11 · w2 sends · decide w1 · intent w1 · send w1',
    found: /two calls/,
  },
  {
    name: '10: no doubt when a lease ends with an intent',
    setting: lookUp,
    naive: {
      mutations: [{ statement: 'claim', take: 'doubt or suspect or target is not null', put: 'doubt or suspect' }],
    },
    trace: 'event P1 on · w1 sends · kill w1 · land X · event P1 off',
    found: /open and should be closed/,
  },
  {
    name: '11: a time-out is a failure',
    setting: lookUp,
    naive: { item: onOutcome('unknown', withoutDoubt) },
    trace: `event P1 on · ${LOST} · event P1 off`,
    found: /open and should be closed/,
  },
  {
    name: '12: a time-out is a success',
    setting: lookUp,
    naive: {
      item: onOutcome('unknown', ({ settlement: { account } }) => ({
        account: { ...account, believed: true, doubt: false, verifyAt: null },
        rows: { outcome: 'sent', reason: '' },
        waitReason: null,
        notBefore: null,
        dueAt: null,
      })),
    },
    trace: 'event P1 on · w1 sends · die X · timeout w1',
    found: /closed and should be open/,
  },
  {
    name: '13: looked up at once',
    setting: lookUp,
    naive: { item: onOutcome('unknown', ({ look }) => ({ notBefore: null, dueAt: look.now })) },
    trace: 'event P1 on · w1 sends · lose w1 · settle w1 · w2 sends',
    found: /two calls/,
  },
  {
    name: '14: an event shortens the wait',
    setting: lookUp,
    naive: {
      mutations: [
        {
          statement: 'wake',
          take: 'greatest((select deptrans.now()), not_before)',
          put: '(select deptrans.now())',
        },
      ],
    },
    trace: 'event P1 on · w1 sends · lose w1 · settle w1 · event P2 on · w2 sends',
    found: /two calls/,
  },
  {
    name: '15: a throttled answer ends the doubt',
    setting: already,
    naive: { item: onOutcome('throttled', withoutDoubt) },
    trace: `event P1 on · ${LOST} · event P1 off · wait 36 · w2 sends · throttle w2 · settle w2`,
    found: /the doubt of \d+ went away/,
  },
  {
    name: '16: a rejection ends the doubt',
    setting: already,
    naive: { item: onOutcome('rejected', withoutDoubt) },
    trace: `event P1 on · ${LOST} · block X · wait 36 · w2 reports`,
    found: /the doubt of \d+ went away/,
  },
  {
    name: '17: parked stops everything',
    setting: already,
    naive: {
      look: (look) =>
        look.account.parkedReason === null
          ? look
          : {
              ...look,
              account: { ...look.account, parkUntil: farAway(look) },
              profiles: look.profiles.map((profile) => ({ ...profile, connected: true })),
            },
    },
    trace: `event P1 on · ${LOST} · block X · wait 36 · w2 reports · event P1 off`,
    found: /open and should be closed/,
  },
  {
    name: '18: the sweep skips parked accounts and doubts',
    setting: already,
    naive: {
      mutations: [
        {
          statement: 'sweep.page',
          take: '(believed or doubt or watched or parked_reason is not null)',
          put: '(believed or watched)',
        },
      ],
    },
    trace: `event P1 on · ${LOST} · block X · wait 36 · w2 reports · region off`,
    found: /open and should be closed/,
  },
  {
    name: '19: the sweep wakes parked accounts',
    setting: lookUp,
    naive: { mutations: [{ statement: 'sweep.page', take: 'parked_reason,', put: 'null::text as parked_reason,' }] },
    trace: 'block X · event P1 on · w1 reports · place P2 out',
    found: /the sweep finds no end/,
  },
  {
    name: '20: parked until the id or the licence changes',
    setting: lookUp,
    naive: {
      item: (item) => {
        const { account } = item.settlement;
        const parkedReason = account.parkedReason ?? item.look.account.parkedReason;
        if (parkedReason === null) return item;
        return {
          ...item,
          settlement: {
            ...item.settlement,
            account: { ...account, parkedReason, parkUntil: farAway(item.look) },
            dueAt: null,
          },
        };
      },
    },
    trace: 'block X · event P1 on · w1 reports · event P1 off · w1 reports · block X off · event P1 on',
    found: /parked though nothing refuses it/,
  },
  {
    name: '21: a rejection is tried again at once',
    setting: lookUp,
    naive: {
      item: onOutcome('rejected', ({ settlement: { account }, look }) => ({
        account: { ...account, parkedReason: null, parkUntil: null },
        waitReason: null,
        dueAt: look.now,
      })),
    },
    trace: 'block X · event P1 on',
    found: /does not come to rest/,
  },
  {
    name: '31: a break that was folded away is none',
    setting: lookUp,
    naive: { look: (look) => ({ ...look, profiles: look.profiles.map((one) => ({ ...one, connectedAt: null })) }) },
    trace: `event P1 on · ${LOST} · wait 36 · w1 reports · over X · wait 125 · w1 reports · flip P1`,
    found: /came back after its shift/,
  },
  {
    name: '31: a shift that is over is opened again without a break',
    setting: lookUp,
    naive: { look: (look) => ({ ...look, profiles: look.profiles.map((one) => ({ ...one, connectedAt: look.now })) }) },
    trace: `event P1 on · ${LOST} · wait 36 · w1 reports · over X · wait 125 · w1 reports`,
    found: /opened again without a break/,
  },
  {
    name: '32: a report tells the time of its event',
    setting: fence,
    naive: {
      mutations: [1, 2].map(() => ({
        statement: 'intent',
        take: "least(deptrans.now(), greatest(given.happened_at, r.last_occurred_at + interval '1 ms'))",
        put: 'given.happened_at',
      })),
    },
    trace: 'event P1 on · w1 reports · event P1 off same',
    found: /open and should be closed/,
  },
  {
    name: '33: a late answer is thrown away',
    setting: verify,
    naive: {
      mutations: [{ statement: 'settle.suspect', take: 'suspect = true', put: 'suspect = suspect' }],
      limits: { verifyAfterMs: NEVER_MS },
    },
    trace: 'event P1 on · w1 sends · event P1 off · wait 38 · w2 reports · land X · answer w1 · settle w1',
    found: /open and should be closed/,
  },
  {
    name: '34: a late mark is cleared by who holds the account',
    setting: verify,
    naive: {
      mutations: [
        { statement: 'settle.accounts', take: 'lease_token = null,', put: 'lease_token = null, suspect = false,' },
      ],
      limits: { verifyAfterMs: NEVER_MS },
    },
    trace: 'event P1 on · w1 sends · event P1 off · wait 38 · w2 sends · answer w1 · settle w1 · settle w2',
    found: /open and should be closed/,
  },
  {
    name: '35: a look-up is trusted though calls live on and on',
    setting: fenceReading,
    naive: { limits: { verifyAfterMs: NEVER_MS, ordersByOccurredAt: false } },
    trace: 'event P1 on · w1 sends · kill w1 · event P1 off · wait 38 · w2 reports · land X',
    found: /open and should be closed/,
  },
];
