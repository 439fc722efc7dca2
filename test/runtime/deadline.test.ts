import { expect, test, vi } from 'vitest';
import { openDeadline } from '../../src/runtime/deadline.ts';

test('a deadline aborts after its time, and says that it was the time', () => {
  vi.useFakeTimers();
  const deadline = openDeadline(100, new AbortController().signal);
  vi.advanceTimersByTime(99);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect([deadline.signal.aborted, deadline.passed]).toEqual([true, true]);
  vi.useRealTimers();
});

test('it aborts with the other signal, at once if that has aborted before', () => {
  const other = new AbortController();
  const before = openDeadline(10_000, other.signal);
  other.abort();
  const after = openDeadline(10_000, other.signal);
  expect([before.signal.aborted, before.passed, after.signal.aborted]).toEqual([true, false, true]);
  before.end();
  after.end();
});

test('after its end nothing happens any more', () => {
  vi.useFakeTimers();
  const other = new AbortController();
  const deadline = openDeadline(100, other.signal);
  deadline.end();
  vi.advanceTimersByTime(1_000);
  other.abort();
  expect([deadline.signal.aborted, deadline.passed]).toEqual([false, false]);
  vi.useRealTimers();
});
