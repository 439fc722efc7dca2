import { setTimeout as pause } from 'node:timers/promises';
import type { Copy, FeedRecord, Frame } from './copy.ts';

/** How one feed is going. */
export type Following = { connected: boolean; connects: number; lastFrameMs: number | null };

const firstPauseMs = 100;
const longestPauseMs = 3_000;
const silentHeartbeats = 3;

/**
 * Keeps a copy fed until `signal` fires: connects, applies frames, and after any end connects again with the cursor, after a pause that
 * doubles (with jitter) until a frame arrives. A stream that is silent for three heartbeats is given up.
 */
export async function follow<R extends FeedRecord>(
  copy: Copy<R>,
  watch: (cursor: Uint8Array, signal: AbortSignal) => AsyncIterable<Frame<R>>,
  following: Following,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    following.connects += 1;
    try {
      await readStream(copy, watch, following, signal, () => {
        pauseMs = firstPauseMs;
      });
    } catch {
      // any end is answered alike: connect again
    }
    following.connected = false;
    await pause(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}

async function readStream<R extends FeedRecord>(
  copy: Copy<R>,
  watch: (cursor: Uint8Array, signal: AbortSignal) => AsyncIterable<Frame<R>>,
  following: Following,
  signal: AbortSignal,
  onFrame: () => void,
): Promise<void> {
  const silence = new AbortController();
  let patienceMs = 10_000;
  const watchdog = setInterval(() => {
    if (performance.now() - (following.lastFrameMs ?? 0) > patienceMs) silence.abort();
  }, 500);
  following.lastFrameMs = performance.now();
  try {
    for await (const frame of watch(copy.cursor, AbortSignal.any([signal, silence.signal]))) {
      following.connected = true;
      following.lastFrameMs = performance.now();
      if (frame.frame.case === 'hello') patienceMs = silentHeartbeats * frame.frame.value.heartbeatIntervalMs;
      copy.apply(frame);
      onFrame();
    }
  } finally {
    clearInterval(watchdog);
  }
}
