import { expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { needsReading } from '../../src/domain/reading.ts';
import type { Account, Direction } from '../../src/domain/report.ts';
import type { Session } from '../../src/domain/session.ts';
import { applyReading, settleReport, settleWithoutCall } from '../../src/domain/settlement.ts';
import { inMinutes, settlementLimits as limits, lookAt, NOW } from '../support/accounts.ts';

const session = (fields: Partial<Session> = {}): Session => ({
  id: 's1',
  status: 'online',
  raw: null,
  startedAt: inMinutes(-60),
  endsAt: inMinutes(600),
  endIsEstimate: true,
  ...fields,
});
const finished = session({ status: 'finished', endsAt: inMinutes(-10) });
const report = (direction: Direction): Extract<Plan, { kind: 'report' }> => ({
  kind: 'report',
  direction,
  region: 'moscow',
  happenedAt: NOW,
  watched: false,
  outsideSince: null,
});
const settled = (account: Partial<Account>, direction: Direction, outcome: Outcome<Session | null>) =>
  settleReport(lookAt(account), report(direction), outcome, NOW, limits);

test('what takes effect ends doubt and parking, and settles the rows', () => {
  const before = { doubt: true, parkedReason: 'driver_blocked', parkUntil: inMinutes(1), parkCount: 3, attempts: 2 };
  const result = settled(before, 'connected', { kind: 'accepted', value: session() });
  expect(result.account).toMatchObject({
    believed: true,
    doubt: false,
    parkedReason: null,
    parkCount: 0,
    attempts: 0,
    sessionId: 's1',
  });
  expect(result).toMatchObject({
    rows: { outcome: 'sent' },
    waitReason: null,
    dueAt: inMinutes(601),
    session: { id: 's1' },
  });
});

test('"already so" counts as accepted, and the session is read at once', () => {
  const result = settled({}, 'connected', { kind: 'already' });
  expect(result).toMatchObject({ account: { believed: true }, rows: { outcome: 'sent' }, dueAt: NOW });
  expect(needsReading({ ...lookAt({}), account: result.account }, limits)).toBe(true);
});

test.each<[string, Outcome<null>, number]>([
  ['throttled', { kind: 'throttled', retryAfterMs: 5 * 60_000 }, 5],
  ['throttled for an absurd time', { kind: 'throttled', retryAfterMs: 1e15 }, 10],
  ['unauthorised', { kind: 'unauthorised' }, 5 / 60],
  ['unavailable', { kind: 'unavailable' }, 1 / 60],
])('%s: nothing took effect, a doubt stays a doubt, and the rows wait', (_, outcome, minutes) => {
  for (const doubt of [true, false]) {
    const result = settled({ doubt, attempts: 1 }, 'disconnected', outcome);
    expect(result).toMatchObject({ account: { believed: false, doubt, attempts: 1 }, rows: null });
    expect(result.notBefore).toEqual(inMinutes(minutes));
    expect(result.dueAt).toEqual(inMinutes(minutes));
  }
});

test('an unknown outcome is a doubt, rested on for the quiet time and verified later', () => {
  const result = settled({ believed: true }, 'disconnected', { kind: 'unknown', reason: 'timeout' });
  expect(result).toMatchObject({ account: { believed: true, doubt: true, verifyAt: inMinutes(10) }, rows: null });
  expect(result.notBefore).toEqual(inMinutes(0.5));
});

test('a refused CONNECTED is parked for longer each time, and leaves a doubt as it was', () => {
  const first = settled({ doubt: true }, 'connected', { kind: 'rejected', reason: 'driver_blocked' });
  expect(first).toMatchObject({
    account: { doubt: true, parkedReason: 'driver_blocked', parkUntil: inMinutes(15), parkCount: 1 },
    rows: null,
  });
  expect(settled({ parkCount: 1 }, 'connected', { kind: 'rejected', reason: 'refused' }).account.parkUntil).toEqual(
    inMinutes(30),
  );
  expect(settled({ parkCount: 9 }, 'connected', { kind: 'rejected', reason: 'refused' }).account.parkUntil).toEqual(
    inMinutes(360),
  );
});

test('a refused DISCONNECTED is tried again for ever, unless the regulator does not know the driver', () => {
  const refused = settled({ believed: true, attempts: 2 }, 'disconnected', { kind: 'rejected', reason: 'refused' });
  expect(refused).toMatchObject({
    account: { believed: true, parkedReason: null, attempts: 3 },
    dueAt: inMinutes(4),
    rows: null,
  });
  const unknown = settled({ believed: true }, 'disconnected', { kind: 'rejected', reason: 'driver_unknown' });
  expect(unknown).toMatchObject({
    account: { believed: false },
    rows: { outcome: 'filtered', reason: 'driver_unknown' },
    dueAt: null,
  });
});

const reported = { lastSentAt: inMinutes(-60) };
const read = (account: Partial<Account>, value: Session | null) =>
  applyReading(lookAt({ ...reported, ...account }), { kind: 'accepted', value }, limits);

test.each<[string, Partial<Account>, Session | null, Partial<Account>]>([
  ['doubt, open', { doubt: true }, session(), { believed: true, sessionOverAt: null }],
  ['doubt, none', { doubt: true, believed: true }, null, { believed: false }],
  ['doubt, the finished one we knew', { doubt: true, sessionId: 's1' }, finished, { believed: false }],
  [
    'doubt, a finished one that is new',
    { doubt: true, sessionId: 's0' },
    finished,
    { believed: true, sessionOverAt: inMinutes(-10) },
  ],
  [
    'doubt, opened by another service since',
    { doubt: true },
    session({ startedAt: inMinutes(-5) }),
    { believed: false },
  ],
  [
    'open and believed: the end has moved',
    { believed: true, sessionEnd: inMinutes(-1) },
    session(),
    { believed: true, sessionEnd: inMinutes(600) },
  ],
  ['believed, over', { believed: true, sessionId: 's1' }, finished, { believed: true, sessionOverAt: inMinutes(-10) }],
  ['believed, gone', { believed: true }, null, { believed: true, sessionOverAt: NOW }],
  ['over, and open again', { believed: true, sessionOverAt: inMinutes(-5) }, session(), { sessionOverAt: null }],
  ['not believed, yet open: a report landed late', { verifyAt: NOW }, session(), { believed: true, verifyAt: null }],
])('a reading: %s', (_, account, value, expected) => {
  expect(read(account, value)).toMatchObject({ doubt: false, ...expected });
});

test('a reading that fails says nothing', () => {
  expect(applyReading(lookAt({ doubt: true }), { kind: 'unknown', reason: 'timeout' }, limits)).toBeNull();
});

test('the regulator is read for a doubt, a verification and an end, and not where it cannot be', () => {
  const needs = (account: Partial<Account>, canReadSession = true) =>
    needsReading(lookAt(account), { ...limits, canReadSession });
  expect(needs({})).toBe(false);
  expect(needs({ doubt: true })).toBe(true);
  expect(needs({ doubt: true }, false)).toBe(false);
  expect(needs({ verifyAt: inMinutes(1) })).toBe(false);
  expect(needs({ verifyAt: NOW })).toBe(true);
  expect(needs({ believed: true, sessionEnd: inMinutes(-0.5) })).toBe(false);
  expect(needs({ believed: true, sessionEnd: inMinutes(-1) })).toBe(true);
  expect(needs({ believed: true, sessionEnd: inMinutes(-1), sessionOverAt: inMinutes(-1) })).toBe(false);
});

/** How a doubt ends, by what the regulator can: by reading or by writing; and whether what was written is read at once if its answer tells no session. */
test.each([
  { reads: true, orders: false, harmless: false, by: 'reading' },
  { reads: true, orders: false, harmless: true, by: 'reading' },
  { reads: true, orders: true, harmless: false, by: 'reading' },
  { reads: true, orders: true, harmless: true, by: 'writing' },
  { reads: false, orders: false, harmless: false, by: 'writing' },
  { reads: false, orders: true, harmless: true, by: 'writing' },
])('can read $reads, orders by time $orders, repeats are harmless $harmless: a doubt ends by $by', (can) => {
  const abilities = {
    ...limits,
    canReadSession: can.reads,
    ordersByOccurredAt: can.orders,
    repeatIsHarmless: can.harmless,
  };
  const doubtful = lookAt({ doubt: true, believed: true, verifyAt: NOW, sessionEnd: inMinutes(-9) });
  expect(needsReading(doubtful, abilities)).toBe(can.by === 'reading');

  const unknown = settleReport(doubtful, report('connected'), { kind: 'unknown', reason: 'timeout' }, NOW, abilities);
  expect(unknown.account.verifyAt).toEqual(can.by === 'reading' ? inMinutes(10) : null);

  const written = settleReport(doubtful, report('connected'), { kind: 'accepted', value: null }, NOW, abilities);
  expect(written.account).toMatchObject({ doubt: false, believed: true });
  expect(needsReading({ ...doubtful, account: written.account }, abilities)).toBe(can.reads);
});

test('a doubt that cannot be written yet is not looked at all the time to be read', () => {
  const parked = { doubt: true, verifyAt: inMinutes(-1), parkedReason: 'driver_blocked', parkUntil: inMinutes(5) };
  const settlement = settleWithoutCall(lookAt(parked), { kind: 'wait', reason: 'parked' }, limits);
  expect(settlement.dueAt).toEqual(inMinutes(5));
});

test('an account that waits for a position is looked at again without any wake', () => {
  const settlement = settleWithoutCall(lookAt({ doubt: true }), { kind: 'wait', reason: 'no_position' }, limits);
  expect(settlement).toMatchObject({
    account: { doubt: true },
    rows: null,
    waitReason: 'no_position',
    dueAt: inMinutes(0.5),
  });
});

test('an end in the past is looked at again, but not all the time', () => {
  const look = lookAt({ believed: true, sessionEnd: inMinutes(-100) });
  const plan: Plan = {
    kind: 'rest',
    rows: { outcome: 'no_change', reason: '' },
    unpark: false,
    watched: false,
    outsideSince: null,
  };
  expect(settleWithoutCall(look, plan, limits).dueAt).toEqual(inMinutes(5));
});

test('a session that is not on yet, or of which nothing was said, is read soon, then each time as late again, and not when it is over', () => {
  const issued = session({ status: 'issued' });
  const inSeconds = (n: number) => new Date(NOW.getTime() + n * 1_000);
  const told = (value: Session | null) => settled({}, 'connected', { kind: 'accepted', value }).account.rereadAt;
  expect([told(issued), told(null), told(session())]).toEqual([inSeconds(5), inSeconds(5), null]);
  const read = (value: Session | null, sentAt: Date) =>
    applyReading(lookAt({ believed: true, lastSentAt: sentAt }), { kind: 'accepted', value }, limits)!.rereadAt;
  const startedAt = inMinutes(-300);
  expect(read({ ...issued, startedAt }, inSeconds(-2))).toEqual(inSeconds(5));
  expect(read({ ...issued, startedAt }, inSeconds(-40))).toEqual(inSeconds(40));
  expect(read({ ...issued, startedAt }, inMinutes(-300))).toEqual(inMinutes(15));
  expect(read({ ...session(), startedAt }, inSeconds(-40))).toBeNull();
  expect(read(finished, inSeconds(-40))).toBeNull();
  expect(settled({ rereadAt: NOW }, 'disconnected', { kind: 'accepted', value: finished }).account.rereadAt).toBeNull();
  expect(needsReading(lookAt({ believed: true, rereadAt: NOW }), limits)).toBe(true);
  expect(needsReading(lookAt({ believed: true, rereadAt: inSeconds(1) }), limits)).toBe(false);
});
