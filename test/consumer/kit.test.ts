import { type DescMessage, fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Copy } from '../../consumer/copy.ts';
import { type DriverRecord, recordOf } from '../../consumer/driver-record.ts';
import { Feed } from '../../consumer/feed.ts';
import { type Frame, openFeedView } from '../../consumer/feed-view.ts';
import { Policies } from '../../consumer/policies.ts';
import { CHUNK_ROWS, SEEN_ID, SEEN_SESSION } from '../../consumer/rows.ts';
import { PolicyInForceSchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { BINDING_STATES, SESSION_STATUSES } from '../../verdict/words.ts';
import { kitNames, readHistory } from '../kit/files.ts';
import type { KitCopy, Row } from '../kit/history.ts';
import type { StreamKind } from '../kit/replay.ts';

const view = openFeedView();
const MESSAGES: Record<StreamKind, DescMessage> = {
  ids: view.method['watchIds']!.output,
  statuses: view.method['watchStatuses']!.output,
};
const SEEN = { ids: SEEN_ID, statuses: SEEN_SESSION };

/** A row of the kit from the library's record; null if it has none of this kind. */
function rowOf(kind: StreamKind, { parkId, driverId, id, session }: DriverRecord): Row | null {
  if (kind === 'ids') {
    if (!id) return null;
    const { person, bound, deptransId, state, updatedAtUs, seq } = id;
    return [parkId, driverId, person, bound, deptransId, BINDING_STATES.indexOf(state) + 1, updatedAtUs, seq];
  }
  if (!session) return null;
  const { person, status, raw, updatedAtUs, endedAtUs, endIsEstimate, region, seq } = session;
  const times = [updatedAtUs, endedAtUs];
  return [parkId, driverId, person, SESSION_STATUSES.indexOf(status), raw, ...times, endIsEstimate, region, seq];
}

/** The rows of the copy, or those of them that the snapshot under way has named: the others it shows until it is whole. */
function rowsOf(copy: Copy, kind: StreamKind, isWhole: boolean): Row[] {
  const rows: Row[] = [];
  for (let no = 1; no < copy.rows.end; no++) {
    if (!copy.rows.isUsed(no)) continue;
    const isNamed = (copy.rows.chunk(no).marks[no & (CHUNK_ROWS - 1)]! & SEEN[kind]) !== 0;
    const row = isWhole || isNamed ? rowOf(kind, recordOf(copy, no)) : null;
    if (row) rows.push(row);
  }
  return rows;
}

const STATE = 5;

/** Rows in an order of their own, with what the library makes of a state that is not told: bound or not. */
function told(kind: StreamKind, rows: readonly Row[]): string[] {
  const known = rows.map((row) => (kind === 'ids' && row[STATE] === 0 ? row.with(STATE, row[3] ? 2 : 1) : row));
  return known.map((row) => JSON.stringify(row)).sort();
}

function bytesOf(digest: KitCopy['digest']) {
  const [sums, counts] = [Buffer.alloc(256 * 8), Buffer.alloc(256 * 4)];
  for (const [bucket, count, sum] of digest) {
    sums.writeBigUInt64LE(BigInt(`0x${sum}`), bucket * 8);
    counts.writeUInt32LE(count, bucket * 4);
  }
  return { sums, counts };
}

test.each(await kitNames())('the library makes of the history %s what is said of it, frame by frame', async (name) => {
  const { recording, history } = await readHistory(name);
  const kind = recording.stream;
  const copy = new Copy();
  const unexpected = () => {
    throw new Error('nothing has to be mended');
  };
  const clock = { now: () => 0, monotonic: () => 0 };
  const policies = new Policies();
  const feed = new Feed({
    kind,
    copy,
    clock,
    inspect: () => {},
    mend: unexpected,
    takePolicy: (policy, epoch) => policies.take(policy, epoch),
    leaveHistory: () => policies.leaveHistory(),
  });
  for (const [c, { messages, cursor }] of recording.connections.entries()) {
    expect(Buffer.from(feed.cursor).toString('hex')).toBe(cursor);
    for (const [f, bytes] of messages.entries()) {
      feed.take((fromBinary(MESSAGES[kind], bytes) as unknown as { frame: Frame }).frame);
      const frame = history.connections[c]!.frames[f]!;
      const expected = history.copies[frame.copy]!;
      const at = `connection ${c}, frame ${f} (${frame.kind})`;
      expect(told(kind, rowsOf(copy, kind, frame.complete)), at).toEqual(told(kind, expected.rows));
      expect(Buffer.from(feed.cursor).toString('hex'), at).toBe(frame.cursor);
      expect(feed.isSettled, at).toBe(frame.complete);
      const held =
        policies.bytes.length > 0
          ? toJson(PolicyInForceSchema, fromBinary(PolicyInForceSchema, policies.bytes))
          : undefined;
      expect(held, at).toEqual(history.policies?.[frame.policy ?? -1]);
      if (!frame.complete) continue;
      const { sums, counts } = bytesOf(expected.digest);
      expect(copy.digests[kind].differing(sums, counts), at).toEqual([]);
    }
  }
  expect(feed.counts.violations).toBe(0);
});
