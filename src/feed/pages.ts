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
  /** Only this bucket of the digest, for a copy to be mended. Null: all. */
  bucket: number | null;
};

/** The fields that `ListIdUpdatesResponse` and `ListStatusUpdatesResponse` have in common. */
const RECORDS = 1;
const CURSOR = 2;
const HAS_MORE = 3;
const RESET = 4;
const THROUGH_SEQ = 5;

type Parts = { tail: ChangeTail; bell: Bell; clock: Clock };

/**
 * A page of a stream after a cursor, as the encoded response. If there is nothing, it waits up to `waitMs` for something, or until `signal`
 * aborts, and then answers with nothing. That a bucket is empty is an answer at once.
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
    const { bytes, isEmpty } = writePage(kind, request, start);
    const leftMs = deadline - parts.clock.monotonic();
    if (!isEmpty || request.bucket !== null || leftMs <= 0 || signal.aborted) return bytes;
    await waitAtMost(parts.bell, leftMs, parts.clock, signal);
  }
}

type PageStart = Start & {
  /** Whether the poller surely has nothing yet, so that nothing has to be taken from it. */
  isCold: boolean;
};

/** Where a poller without a cursor begins. A time before all that is known means the whole state, and whoever has a copy must drop it. */
function byTime(tail: ChangeTail, { cursor, updatedAfterMs, bucket }: ListRequest, start: Start): PageStart {
  if (cursor.length > 0 || updatedAfterMs === null || bucket !== null)
    return { ...start, isCold: start.position === 0 };
  const position = tail.seqAt(updatedAfterMs);
  if (position === null) return { ...start, reset: 'cursor_too_old', isCold: false };
  return { ...start, position, isCold: false };
}

type Written = { bytes: Uint8Array; isEmpty: boolean };

function writePage(kind: StreamKind, { limit, bucket }: ListRequest, start: PageStart): Written {
  const { copy, position } = start;
  const stream = copy.streams[kind];
  const body: Writer = openWriter(Math.min(limit, 1_000) * 160 + 64);
  const reader = { ...start, omitThrough: start.isCold ? stream.through : 0 };
  const page =
    bucket === null
      ? stream.writePage(body, RECORDS, position, limit, reader)
      : stream.writeBucket(body, RECORDS, position, limit, reader, bucket);
  const through = page.hasMore ? page.through : copy.head;
  reserve(body, 80);
  writeField(body, CURSOR, stream.cursorAt(through, start.filterHash));
  if (page.hasMore) writeNumber(body, HAS_MORE, 1);
  if (start.reset) writeNumber(body, RESET, 1);
  if (through > 0) writeNumber(body, THROUGH_SEQ, through);
  return { bytes: body.bytes.subarray(0, body.at), isEmpty: page.count === 0 && !page.hasMore && !start.reset };
}
