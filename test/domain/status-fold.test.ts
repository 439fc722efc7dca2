import { expect, test } from 'vitest';
import type { DriverStatus } from '../../src/domain/driver-status.ts';
import { foldStatus, type KnownStatus, type PlacedEvent, unknownStatus } from '../../src/domain/status-fold.ts';

const now = Date.UTC(2026, 10, 23);
const hourMs = 3600_000;
const limits = { nowMs: now, maxSilenceMs: 24 * hourMs };
const at = (ms: number, status: DriverStatus, offset: number): PlacedEvent => ({
  status,
  eventAtMs: now + ms,
  offset,
});
const known = (ms: number, status: DriverStatus, offset = 0, generation = 1): KnownStatus => ({
  status,
  connectedAtMs: status === 'offline' ? null : now + ms,
  eventAtMs: now + ms,
  generation,
  offset,
  seenAtMs: now + ms,
});
const summary = (state: KnownStatus, events: PlacedEvent[], generation = 1) => {
  const fold = foldStatus(state, events, generation, limits);
  return {
    status: fold.known.status,
    flips: fold.transitions.map((t) => (t.connected ? 'on' : 'off')).join(' '),
    counts: [fold.noChange, fold.duplicate, fold.outdated],
  };
};

test('the first event of a profile', () => {
  expect(summary(unknownStatus, [at(-10, 'online', 0)])).toEqual({ status: 'online', flips: 'on', counts: [0, 0, 0] });
  expect(summary(unknownStatus, [at(-10, 'offline', 0)])).toEqual({
    status: 'offline',
    flips: '',
    counts: [1, 0, 0],
  });
});

test('going back and forth within a batch keeps every transition and the time of the last coming', () => {
  const fold = foldStatus(
    known(-hourMs, 'online'),
    [at(-30, 'offline', 1), at(-20, 'online', 2), at(-10, 'busy', 3)],
    1,
    limits,
  );
  expect(fold.transitions).toEqual([
    { connected: false, status: 'offline', eventAtMs: now - 30 },
    { connected: true, status: 'online', eventAtMs: now - 20 },
  ]);
  expect(fold.known).toMatchObject({ status: 'busy', connectedAtMs: now - 20, eventAtMs: now - 10, offset: 3 });
  expect(fold.noChange).toBe(1);
});

test('events count in the order of their own times, however they came', () => {
  const events = [at(-10, 'online', 1), at(-30, 'online', 2), at(-20, 'offline', 3)];
  expect(summary(known(-hourMs, 'offline'), events)).toEqual({
    status: 'online',
    flips: 'on off on',
    counts: [0, 0, 0],
  });
});

test('older ones are outdated, repeated ones duplicates', () => {
  const state = known(-50, 'online', 7);
  expect(summary(state, [at(-60, 'offline', 9)]).counts).toEqual([0, 0, 1]);
  expect(summary(state, [at(-50, 'online', 9)]).counts).toEqual([0, 1, 0]);
  expect(summary(state, [at(-40, 'offline', 8), at(-40, 'offline', 9)])).toEqual({
    status: 'offline',
    flips: 'off',
    counts: [0, 1, 0],
  });
});

test('at equal times the later generation, then the later offset wins; a push loses against the topic', () => {
  expect(summary(known(-50, 'online', 7), [at(-50, 'offline', 8)]).status).toBe('offline');
  expect(summary(known(-50, 'online', 7), [at(-50, 'offline', 6)]).status).toBe('online');
  expect(summary(known(-50, 'online', 7), [at(-50, 'offline', 0)], 2).status).toBe('offline');
  expect(summary(known(-50, 'online', 7), [at(-50, 'offline', -1)], 0).status).toBe('online');
  expect(summary(known(-50, 'online', -1, 0), [at(-50, 'offline', -1)], 0).counts).toEqual([0, 0, 1]);
});

test('a connected profile that comes back from a long silence comes on line anew', () => {
  const silent = known(-25 * hourMs, 'online');
  const fold = foldStatus(silent, [at(-10, 'busy', 1)], 1, limits);
  expect(fold.transitions).toEqual([{ connected: true, status: 'busy', eventAtMs: now - 10 }]);
  expect(fold.known.connectedAtMs).toBe(now - 10);
  // A backlog that is itself that old tells nothing new.
  expect(summary(silent, [at(-24.5 * hourMs, 'busy', 1)])).toEqual({ status: 'busy', flips: '', counts: [1, 0, 0] });
});

test('the time last seen moves in steps of ten minutes, and with each transition', () => {
  const seen = (events: PlacedEvent[]) => foldStatus(known(-hourMs, 'online'), events, 1, limits).known.seenAtMs - now;
  expect(seen([at(-hourMs + 599_999, 'busy', 1)])).toBe(-hourMs);
  expect(seen([at(-hourMs + 600_000, 'busy', 1)])).toBe(-hourMs + 600_000);
  expect(seen([at(-hourMs + 1, 'offline', 1)])).toBe(-hourMs + 1);
});
