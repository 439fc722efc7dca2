import {
  byQueuedRow,
  closedWithoutTariff,
  onOutcome,
  parkedForGood,
  parkedStopsAll,
  readThenLocked,
  seeing,
  sessionToTheClaimed,
  statesThenVersions,
  tokenOfNow,
  withoutDoubt,
} from './naive-decisions.ts';
import { SETTINGS } from './settings.ts';
import { CLOSED, LOST, NEVER_MS, NOT_LAST, OPEN, type Trap, type TrapLine, TWO_CALLS, trapOf } from './trap.ts';

const { lookUp, already, fenceReading } = SETTINGS;

const LOOKED_UP = `event P1 on · ${LOST} · wait 36 · w1 reports · over X · wait 125 · w1 reports`;

/** Traps whose fix is in what is decided: what a look shows, what an answer means, what is done when there is none. */
const lines: readonly TrapLine[] = [
  [
    '2: a report per row of the queue',
    lookUp,
    byQueuedRow,
    'event P1 on · w1 reports · event P2 on · w1 reports · event P1 off',
    CLOSED,
  ],
  [
    '5: read, then locked',
    lookUp,
    readThenLocked,
    'event P1 on · route · slow 4 claim w4 · event P2 on · event P1 off · event P2 off · route · go · decide w4 · intent w4 · send w4 · answer w4 · settle w4',
    OPEN,
  ],
  [
    '6: states are read before versions',
    lookUp,
    statesThenVersions,
    'event P1 on · route · slow 6 claim w4 · event P1 off · go · decide w4 · intent w4 · send w4 · answer w4 · settle w4',
    OPEN,
  ],
  [
    '8: settle without token',
    already,
    tokenOfNow,
    'event P1 on · w1 sends · answer w1 · wait 38 · w2 sends · settle w1 · event P1 off · w3 sends',
    TWO_CALLS,
  ],
  [
    '11: a time-out is a failure',
    lookUp,
    onOutcome('unknown', withoutDoubt),
    `event P1 on · ${LOST} · event P1 off`,
    OPEN,
  ],
  [
    '12: a time-out is a success',
    lookUp,
    onOutcome('unknown', ({ settlement: { account } }) => ({
      account: { ...account, believed: true, doubt: false, verifyAt: null },
      rows: { outcome: 'sent', reason: '' },
      waitReason: null,
      notBefore: null,
      dueAt: null,
    })),
    'event P1 on · w1 sends · die X · timeout w1',
    CLOSED,
  ],
  [
    '13: looked up at once',
    lookUp,
    onOutcome('unknown', ({ look }) => ({ notBefore: null, dueAt: look.now })),
    'event P1 on · w1 sends · lose w1 · settle w1 · w2 sends',
    TWO_CALLS,
  ],
  [
    '15: a throttled answer ends the doubt',
    already,
    onOutcome('throttled', withoutDoubt),
    `event P1 on · ${LOST} · event P1 off · wait 36 · w2 sends · throttle w2 · settle w2`,
    /the doubt of \d+ went away/,
  ],
  [
    '16: a rejection ends the doubt',
    already,
    onOutcome('rejected', withoutDoubt),
    `event P1 on · ${LOST} · block X · wait 36 · w2 reports`,
    /the doubt of \d+ went away/,
  ],
  [
    '17: parked stops everything',
    already,
    parkedStopsAll,
    `event P1 on · ${LOST} · block X · wait 36 · w2 reports · event P1 off`,
    OPEN,
  ],
  [
    '20: parked until the id or the licence changes',
    lookUp,
    parkedForGood,
    'block X · event P1 on · w1 reports · event P1 off · w1 reports · block X off · event P1 on',
    /parked though nothing refuses it/,
  ],
  [
    '21: a rejection is tried again at once',
    lookUp,
    onOutcome('rejected', ({ settlement: { account }, look }) => ({
      account: { ...account, parkedReason: null, parkUntil: null },
      waitReason: null,
      dueAt: look.now,
    })),
    'block X · event P1 on',
    /does not come to rest/,
  ],
  [
    '22: an old entry is dropped',
    lookUp,
    seeing(({ queued }, { now }) =>
      queued && now.getTime() - queued.eventAt.getTime() > 300_000 ? { connected: false } : {},
    ),
    'event P1 on · wait 310',
    CLOSED,
  ],
  [
    '23: who may not work is not disconnected either',
    lookUp,
    closedWithoutTariff,
    'event P1 on · w1 reports · tariff P1 off · tariff P2 off',
    OPEN,
  ],
  [
    '24: a region is drained by one statement',
    lookUp,
    { drainsOnce: true },
    'event P1 on · w1 sends · region off · answer w1 · settle w1',
    OPEN,
  ],
  [
    '29: the session goes to the person of the claim',
    lookUp,
    sessionToTheClaimed,
    'event P1 on · w1 sends · bind bob X · answer w1 · settle w1',
    /the session of ann/,
  ],
  [
    '31: a break that was folded away is none',
    lookUp,
    seeing(() => ({ connectedAt: null })),
    `${LOOKED_UP} · flip P1`,
    /came back after its shift/,
  ],
  [
    '31: a shift that is over is opened again without a break',
    lookUp,
    seeing((_, { now }) => ({ connectedAt: now })),
    LOOKED_UP,
    /opened again without a break/,
  ],
  [
    '35: a look-up is trusted though calls live on and on',
    fenceReading,
    { limits: { verifyAfterMs: NEVER_MS, ordersByOccurredAt: false } },
    'event P1 on · w1 sends · kill w1 · event P1 off · wait 38 · w2 reports · land X',
    OPEN,
  ],
  [
    '38: a topic made again is the old one',
    lookUp,
    { topicIsForEver: true },
    'event P1 on · topic · event P1 off',
    NOT_LAST,
  ],
  [
    '41: a binding is saved by who commits last',
    lookUp,
    { savesAnyCheck: true },
    'check ann Z · bind bob Z · save ann',
    /an older check/,
  ],
  [
    '43: subscribers are told before it is durable',
    lookUp,
    { settlesLoosely: true },
    'event P1 on · w1 reports',
    /publish may be lost after it was told/,
  ],
  [
    '43: two texts of one id',
    lookUp,
    { keepsTexts: true },
    'event P1 on · w1 sends · event P3 on · bind bob 0X · w2 reports · w3 sends',
    TWO_CALLS,
  ],
  [
    '43: sweep and delivery judge by different inputs',
    lookUp,
    { sweepSees: 'in' },
    'place P1 out · event P1 on · w1 reports',
    /the sweep finds no end/,
  ],
];

export const decisionTraps: readonly Trap[] = lines.map(trapOf);
