import { decodeCursor, filterHash, resetReason, type StreamKind } from '../domain/cursor.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Bell } from './bell.ts';
import type { ChangeTail } from './change-tail.ts';
import type { Copy } from './copy.ts';
import type { Filter } from './records.ts';
import { FeedRefusal } from './refusal.ts';
import { waitAtMost } from './wait-at-most.ts';

/** Where a subscriber begins. */
export type Start = {
  copy: Copy;
  /** 0: the whole state. */
  position: number;
  /** Why the subscriber has to drop its copy first. */
  reset: ReturnType<typeof resetReason>;
  filter: Filter;
  filterHash: number;
};

/** `bucket`: only that bucket of the digest. */
export type Asked = { cursor: Uint8Array; regions: readonly string[]; bucket?: number | null };

const AHEAD_WAIT_MS = 3_000;

/**
 * Reads a cursor. One that is ahead of this instance is waited for, up to 3 s.
 *
 * Throws FeedRefusal: SERVICE_DEGRADED (nothing is loaded yet), CURSOR_MALFORMED, CURSOR_AHEAD.
 */
export async function admit(
  { tail, bell, clock }: { tail: Pick<ChangeTail, 'copy'>; bell: Bell; clock: Clock },
  kind: StreamKind,
  { cursor: bytes, regions, bucket = null }: Asked,
  signal: AbortSignal,
): Promise<Start> {
  const names = [...new Set(regions)].sort();
  const asked = { filter: names.length > 0 ? new Set(names) : null, filterHash: filterHash(kind, names, bucket) };
  const cursor = bytes.length > 0 ? decodeCursor(bytes) : undefined;
  if (cursor === null) throw new FeedRefusal('CURSOR_MALFORMED');
  const deadline = clock.monotonic() + AHEAD_WAIT_MS;
  for (;;) {
    const { copy } = tail;
    if (!copy) throw new FeedRefusal('SERVICE_DEGRADED');
    if (!cursor) return { copy, position: 0, reset: null, ...asked };
    const now = { epoch: copy.cursorEpoch, floor: copy.floor, filter: asked.filterHash };
    const reset = resetReason(cursor, now);
    if (reset) return { copy, position: 0, reset, ...asked };
    if (cursor.seq <= copy.head) return { copy, position: cursor.seq, reset: null, ...asked };
    const leftMs = deadline - clock.monotonic();
    if (leftMs <= 0 || signal.aborted) throw new FeedRefusal('CURSOR_AHEAD');
    await waitAtMost(bell, leftMs, clock, signal);
  }
}
