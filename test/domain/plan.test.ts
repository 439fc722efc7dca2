import { expect, test } from 'vitest';
import type { Desired } from '../../src/domain/eligibility.ts';
import { planFor } from '../../src/domain/plan.ts';
import type { Account } from '../../src/domain/report.ts';
import { inMinutes, lookAt, MINUTE, NOW } from '../support/accounts.ts';

const MAX_AGE_MS = 24 * 60 * MINUTE;
const connected: Desired = { kind: 'connected', region: 'moscow', connectedAt: inMinutes(-5), outsideSince: null };
const offline: Desired = { kind: 'disconnected', reason: 'offline' };
const outside: Desired = { kind: 'disconnected', reason: 'outside' };
const unplaced: Desired = { kind: 'wait', reason: 'no_position' };
const parked = { parkedReason: 'driver_blocked', parkUntil: inMinutes(5) };

/** The table of the state machine: what is desired, what we believe, what is done. */
test.each<[string, Desired, Partial<Account>, object]>([
  ['connected, believed', connected, { believed: true }, { kind: 'rest', rows: { outcome: 'no_change' } }],
  ['connected, not believed', connected, {}, { kind: 'report', direction: 'connected', region: 'moscow' }],
  ['connected, not believed, parked', connected, parked, { kind: 'wait', reason: 'parked' }],
  [
    'connected, parked until just now',
    connected,
    { ...parked, parkUntil: NOW },
    { kind: 'report', direction: 'connected' },
  ],
  ['connected, parked without end', connected, { ...parked, parkUntil: null }, { kind: 'wait', reason: 'parked' }],
  [
    'connected, believed, in doubt',
    connected,
    { believed: true, doubt: true },
    { kind: 'report', direction: 'connected' },
  ],
  ['connected, in doubt, parked', connected, { ...parked, doubt: true }, { kind: 'wait', reason: 'parked' }],
  [
    'connected, shift over before the break',
    connected,
    { believed: true, sessionOverAt: inMinutes(-6) },
    { kind: 'report', direction: 'connected' },
  ],
  [
    'connected, shift over since, no break',
    connected,
    { believed: true, sessionOverAt: inMinutes(-4) },
    { kind: 'rest', rows: { outcome: 'no_change' } },
  ],
  ['offline, believed', offline, { believed: true }, { kind: 'report', direction: 'disconnected' }],
  ['offline, believed, parked', offline, { ...parked, believed: true }, { kind: 'report', direction: 'disconnected' }],
  [
    'offline, not believed',
    offline,
    {},
    { kind: 'rest', rows: { outcome: 'no_change' }, unpark: true, watched: false },
  ],
  ['offline, not believed, in doubt', offline, { doubt: true }, { kind: 'report', direction: 'disconnected' }],
  [
    'outside, not believed',
    outside,
    {},
    { kind: 'rest', rows: { outcome: 'filtered', reason: 'outside' }, watched: true },
  ],
  [
    'outside, believed',
    outside,
    { believed: true, region: 'moscow' },
    { kind: 'report', direction: 'disconnected', region: 'moscow', watched: true },
  ],
  ['no position, not believed', unplaced, {}, { kind: 'wait', reason: 'no_position' }],
])('%s', (_, desired, account, expected) => {
  expect(planFor(lookAt(account), desired, MAX_AGE_MS)).toMatchObject(expected);
});

test('a report carries the time of the newest event, unless it is from the future or too old to be told', () => {
  const at = (eventAt: Date) => {
    const profile = { parkId: 'p', driverId: '1', categories: [], connected: true, connectedAt: null, seenAt: null };
    const queued = { version: 1, eventAt, carriesEvent: true };
    const look = lookAt(
      {},
      {
        profiles: [
          { ...profile, queued },
          { ...profile, driverId: '2', queued: null },
        ],
      },
    );
    const plan = planFor(look, connected, MAX_AGE_MS);
    return plan.kind === 'report' ? plan.happenedAt : null;
  };
  expect(at(inMinutes(-3))).toEqual(inMinutes(-3));
  expect(at(inMinutes(1))).toEqual(NOW);
  expect(at(inMinutes(-25 * 60))).toEqual(NOW);
});
