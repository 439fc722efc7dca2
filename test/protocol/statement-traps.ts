import { FIRST_CHANGE } from './run.ts';
import { SETTINGS } from './settings.ts';
import {
  CLOSED,
  LOST,
  NEVER_MS,
  NOT_LAST,
  OPEN,
  STRANDED,
  swapped,
  type Trap,
  type TrapLine,
  TWO_CALLS,
  trapOf,
} from './trap.ts';

const { lookUp, already, verify, fence } = SETTINGS;

const TIME_TO_TELL = "least(deptrans.now(), greatest(given.happened_at, r.last_occurred_at + interval '1 ms'))";
const NO_LOCK = ['mapping.lock', 'pg_advisory_xact_lock(7300)', '7300'] as const;

/** Traps whose fix is a piece of a statement: what is locked, compared, kept and cleared. */
const lines: readonly TrapLine[] = [
  [
    '1: what is believed belongs to the person',
    lookUp,
    swapped(['bindings.renumber', 'set bind_no', 'set believed = believed and not g, bind_no']),
    'event P1 on · w1 reports · bind bob X',
    OPEN,
  ],
  [
    '1: a lease belongs to the person',
    lookUp,
    swapped([
      'bindings.renumber',
      'set bind_no',
      `set target = case when g then null else target end, lease_token = case when g then null else lease_token end,
          due_at = case when g then deptrans.now() else due_at end, bind_no`,
    ]),
    'event P1 on · w1 sends · event P3 on · bind bob X · w2 reports · w3 sends',
    TWO_CALLS,
  ],
  [
    '3: rows are deleted whatever came',
    lookUp,
    swapped(['settle.rows', 'and q.version = g.version', '']),
    'event P1 on · w1 sends · answer w1 · event P1 off · settle w1',
    OPEN,
  ],
  [
    '4: versions are counted by row',
    lookUp,
    swapped(
      ['states.write', 'carries_event, due_at)', 'carries_event, due_at, version)'],
      ['states.write', 'true, n.at\n', 'true, n.at, 1\n'],
      ['states.write', 'version = excluded.version', 'version = deptrans.status_queue.version + 1'],
    ),
    'event P1 on · w1 sends · remap P1 bob · w2 reports · event P1 off · answer w1 · settle w1',
    OPEN,
  ],
  [
    '7: settling forgets what came meanwhile',
    lookUp,
    swapped([
      'settle.accounts',
      'case when r.dirty then greatest(deptrans.now(), g.not_before) else g.due_at end',
      'g.due_at',
    ]),
    'event P1 on · w1 sends · answer w1 · event P1 off · route · settle w1',
    OPEN,
  ],
  [
    '9: an intent without a guard',
    lookUp,
    swapped(
      ['intent', 'r.lease_token = g.token and r.due_at > (select deptrans.now())', 'true'],
      ['intent', 'and r.lease_token = given.token', ''],
      ['intent', 'returning r.lease_token', 'returning given.token as lease_token'],
    ),
    'event P1 on · route · claim w1 · wait 11 · w2 sends · decide w1 · intent w1 · send w1',
    TWO_CALLS,
  ],
  [
    '10: no doubt when a lease ends with an intent',
    lookUp,
    swapped(['claim', 'doubt or suspect or target is not null', 'doubt or suspect']),
    'event P1 on · w1 sends · kill w1 · land X · event P1 off',
    OPEN,
  ],
  [
    '14: an event shortens the wait',
    lookUp,
    swapped(['wake', 'greatest((select deptrans.now()), not_before)', '(select deptrans.now())']),
    'event P1 on · w1 sends · lose w1 · settle w1 · event P2 on · w2 sends',
    TWO_CALLS,
  ],
  [
    '18: the sweep skips parked accounts and doubts',
    already,
    swapped(['sweep.page', '(believed or doubt or watched or parked_reason is not null)', '(believed or watched)']),
    `event P1 on · ${LOST} · block X · wait 36 · w2 reports · region off`,
    OPEN,
  ],
  [
    '19: the sweep wakes parked accounts',
    lookUp,
    swapped(['sweep.page', 'parked_reason,', 'null::text,']),
    'block X · event P1 on · w1 reports · place P2 out',
    /the sweep finds no end/,
  ],
  [
    '25: binding and mirror without a common lock',
    lookUp,
    swapped(NO_LOCK),
    'event P4 on · route · slow wake.lock remap P4 ann · bind ann Z · w1 reports · w1 reports · go',
    CLOSED,
  ],
  [
    '26: only the new person is woken',
    lookUp,
    swapped([
      'mirror.accounts',
      'and deptrans_id is not null',
      `and deptrans_id is not null and exists (select from deptrans.driver_persons d
         where d.driver_license_pd_id = profiles.driver_license_pd_id and d.person_revision > ${FIRST_CHANGE})`,
    ]),
    'event P1 on · w1 reports · remap P1 cid',
    OPEN,
  ],
  [
    '27: rows stay with the account they were handed to',
    lookUp,
    swapped(['mirror.requeue', 'set due_at = (select deptrans.now())', 'set due_at = q.due_at']),
    'event P1 on · route · remap P1 cid',
    STRANDED,
  ],
  [
    '28: route trusts what it read first',
    lookUp,
    { mutations: [{ statement: 'route.map', reads: 'once' }] },
    'slow 9 unbind ann · event P1 on · slower 3 route · go · go slower',
    STRANDED,
  ],
  [
    '30: a session follows only reports',
    lookUp,
    swapped(['sessions.upsert', 'not g.deleted or', 'not g.deleted or false and']),
    'event P1 on · w1 reports · unbind ann',
    /the session of ann/,
  ],
  [
    '32: a report tells the time of its event',
    fence,
    swapped(['intent', TIME_TO_TELL, 'given.happened_at'], ['intent', TIME_TO_TELL, 'given.happened_at']),
    'event P1 on · w1 reports · event P1 off same',
    OPEN,
  ],
  [
    '33: a late answer is thrown away',
    verify,
    { ...swapped(['settle.suspect', 'suspect = true', 'suspect = suspect']), limits: { verifyAfterMs: NEVER_MS } },
    'event P1 on · w1 sends · event P1 off · wait 38 · w2 reports · land X · answer w1 · settle w1',
    OPEN,
  ],
  [
    '34: a late mark is cleared by who holds the account',
    verify,
    {
      ...swapped(['settle.accounts', 'lease_token = null,', 'lease_token = null, suspect = false,']),
      limits: { verifyAfterMs: NEVER_MS },
    },
    'event P1 on · w1 sends · event P1 off · wait 38 · w2 sends · answer w1 · settle w1 · settle w2',
    OPEN,
  ],
  [
    '36: the offset is not kept with the data',
    lookUp,
    swapped(['positions.move', 'next_offset = $3', 'next_offset = next_offset + 0 * $3']),
    'event P1 off · again',
    NOT_LAST,
  ],
  [
    '37: events are ordered by their arrival',
    lookUp,
    swapped([
      'states.lock',
      '(extract(epoch from s.event_at) * 1000)::float8 as event_at_ms',
      "'-infinity'::float8 as event_at_ms",
    ]),
    'event P1 off · event P1 on late',
    NOT_LAST,
  ],
  [
    '39: an event of the future is believed',
    lookUp,
    swapped(['positions.lock', '* 1000)::float8', '* 1000 + 7200000)::float8']),
    'event P1 on future · event P1 off',
    NOT_LAST,
  ],
  [
    '40: retention forgets the guard against old events',
    lookUp,
    swapped(['retention.driver_states', "$4 * interval '1 day'", "$4 * interval '0 day'"]),
    'event P1 off · forget · event P1 on late',
    NOT_LAST,
  ],
  [
    '42: route waits for accounts while it holds rows of the queue',
    lookUp,
    swapped(['route.hold', 'for no key update skip locked', 'for no key update']),
    'event P1 on · slow 3 route · bind ann Z',
    /a deadlock/,
  ],
  [
    '43: an account is deleted and made again, whatever it is about',
    lookUp,
    swapped([
      'retention.reports',
      'not (r.believed or r.doubt or r.suspect) and r.lease_token is null and r.due_at is null and r.wait_reason is null',
      'true',
    ]),
    'event P1 on · w1 reports · unbind ann · wait 2700000 · forget',
    /open and has no account/,
  ],
  [
    '43: accounts are woken by keys that were read before the lock',
    lookUp,
    swapped(NO_LOCK, ['bindings.lock', 'for update', '']),
    'event P1 on · slow 3 unbind ann · bind ann Z · w1 reports · w1 reports · go',
    OPEN,
  ],
];

export const statementTraps: readonly Trap[] = lines.map(trapOf);
