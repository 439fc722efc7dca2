import type { StreamKind } from '../domain/cursor.ts';
import type { Clock } from '../runtime/clock.ts';
import { admit, type Start } from './admission.ts';
import type { Bell } from './bell.ts';
import type { ChangeTail } from './change-tail.ts';
import { waitAtMost } from './wait-at-most.ts';
import { openWriter, reserve, type Writer, writeField, writeNumber } from './wire.ts';

export type ListRequest = {
  /** Empty: none. Wins over `updatedAfterMs`. */
  cursor: Uint8Array;
  /** For pollers that know only a time, ms since 1970. */
  updatedAfterMs: number | null;
  /** Records in a page; more only where one seq has more. */
  limit: number;
  /** How long to wait if there is nothing. */
  waitMs: number;
  regions: readonly string[];
};

/** The fields that `ListIdUpdatesResponse` and `ListStatusUpdatesResponse` have in common. */
const RECORDS = 1;
const CURSOR = 2;
const HAS_MORE = 3;
const RESET = 4;

type Parts = { tail: ChangeTail; bell: Bell; clock: Clock };

/**
 * A page of a stream after a cursor, as the encoded response. If there is nothing, it waits up to `waitMs` for something, or until `signal`
 * aborts, and then answers with nothing.
 *
 * Throws FeedRefusal as `admit` does.
 */
export async function listPage(
  parts: Parts,
  kind: StreamKind,
  request: ListRequest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const deadline = parts.clock.monotonic() + request.waitMs;
  for (;;) {
    const start = byTime(parts.tail, request, await admit(parts, kind, request, signal));
    const { bytes, isEmpty } = writePage(kind, request.limit, start);
    const leftMs = deadline - parts.clock.monotonic();
    if (!isEmpty || leftMs <= 0 || signal.aborted) return bytes;
    await waitAtMost(parts.bell, leftMs, parts.clock, signal);
  }
}

type PageStart = Start & {
  /** Whether the poller surely has nothing yet, so that nothing has to be taken from it. */
  isCold: boolean;
};

/** Where a poller without a cursor begins. A time before all that is known means the whole state, and whoever has a copy must drop it. */
function byTime(tail: ChangeTail, { cursor, updatedAfterMs }: ListRequest, start: Start): PageStart {
  if (cursor.length > 0 || updatedAfterMs === null) return { ...start, isCold: start.position === 0 };
  const position = tail.seqAt(updatedAfterMs);
  if (position === null) return { ...start, reset: 'cursor_too_old', isCold: false };
  return { ...start, position, isCold: false };
}

function writePage(kind: StreamKind, limit: number, start: PageStart): { bytes: Uint8Array; isEmpty: boolean } {
  const stream = start.copy.streams[kind];
  const body: Writer = openWriter(Math.min(limit, 1_000) * 160 + 64);
  const omitThrough = start.isCold ? stream.through : 0;
  const page = stream.writePage(body, RECORDS, start.position, limit, { ...start, omitThrough });
  reserve(body, 64);
  writeField(body, CURSOR, stream.cursorAt(page.through, start.filterHash));
  if (page.hasMore) writeNumber(body, HAS_MORE, 1);
  if (start.reset) writeNumber(body, RESET, 1);
  return { bytes: body.bytes.subarray(0, body.at), isEmpty: page.count === 0 && !page.hasMore && !start.reset };
}
