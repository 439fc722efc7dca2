import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Endpoints } from '../../consumer/endpoints.ts';
import type { Feed } from '../../consumer/feed.ts';
import { follow } from '../../consumer/follow.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** When, and at which turn, a consumer tried whom nobody ever answers. */
async function attemptsOf(reconnect: { baseMs: number; maxMs: number }, forMs: number) {
  const attempts: { at: number; turn: number }[] = [];
  const watchIds = () => {
    throw new ConnectError('nobody is there', Code.Unavailable);
  };
  const endpoints = {
    first: 0,
    at(turn: number) {
      attempts.push({ at: Date.now(), turn });
      return { watchIds };
    },
  } as unknown as Endpoints;
  const feed = { kind: 'ids', cursor: new Uint8Array(), counts: { frames: 0 } } as unknown as Feed;
  const following = { turn: 0, isConnected: false, connects: 0, failures: 0 };
  const ending = new AbortController();
  const options = { feed, endpoints, following, reconnect, changed: () => {}, inspectAll: () => {} };
  const over = follow({ ...options, signal: ending.signal });
  await vi.advanceTimersByTimeAsync(forMs);
  ending.abort();
  await over;
  expect(following.failures).toBe(attempts.length);
  return attempts;
}

test('pauses between attempts double up to their ceiling, each somewhere between half and whole; each attempt is at the next endpoint', async () => {
  const consumers = await Promise.all(
    Array.from({ length: 20 }, () => attemptsOf({ baseMs: 100, maxMs: 1_600 }, 30_000)),
  );
  for (const attempts of consumers) {
    expect(attempts.map(({ turn }) => turn)).toEqual(attempts.map((_, i) => i));
    const pauses = attempts.slice(1).map(({ at }, i) => at - attempts[i]!.at);
    for (const [i, pause] of pauses.entries()) {
      const ceiling = Math.min(1_600, 100 * 2 ** i);
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2);
      expect(pause).toBeLessThanOrEqual(ceiling + 1);
    }
    expect(pauses.length).toBeGreaterThan(15);
  }
  // Who lost the same instance at the same moment does not come to the next one at the same moment.
  const thirds = consumers.map((attempts) => attempts[3]!.at);
  expect(new Set(thirds).size).toBeGreaterThan(10);
});
