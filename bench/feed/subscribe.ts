import { connect } from 'node:http2';
import { setPriority } from 'node:os';

/**
 * Subscribers of the feed in a process of their own (started with `fork`), each with its own connection, that look at the heads of frames only.
 * Arguments: the server's URL, how many, and `live` (from now on) or `cold` (from nothing).
 *
 * Tells its parent `{ following }` when each has had a heartbeat (live) or the end of its snapshot (cold), and its counts when asked; ends when the
 * parent goes.
 */
export type Counts = {
  /** Frames with changes, of all subscribers, since the last count. */
  changes: number;
  bytes: number;
  /** Of the first subscriber: which position each frame with changes reached, and when it came; milliseconds since 1970. */
  arrivals: { seq: number; at: number }[];
  /** Streams that have ended, for whatever reason. */
  ended: number;
};

const [url = '', count = '0', mode = 'live'] = process.argv.slice(2);
const STATUSES = '/deptrans.v1.IncrementalUpdatesService';
const FRAME = { snapshotEnd: 0x22, changes: 0x2a, heartbeat: 0x32 } as const;
const WINDOW_BYTES = 4 * 1024 * 1024;

const counts: Counts = { changes: 0, bytes: 0, arrivals: [], ended: 0 };
let following = 0;

const ENVELOPE_BYTES = 5;
const HEAD_BYTES = 32;

/** Cuts a stream into frames and shows the first bytes of each message: enough for what is counted. */
function headsOf(see: (head: Buffer) => void): (chunk: Buffer) => void {
  const head = Buffer.alloc(HEAD_BYTES);
  let have = 0;
  let size = 0; // of the frame; 0 = not known yet
  let skip = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const wanted = skip > 0 ? skip : Math.min(size || ENVELOPE_BYTES, HEAD_BYTES) - have;
      const step = Math.min(wanted, chunk.length - at);
      if (skip > 0) skip -= step;
      else have += chunk.copy(head, have, at, at + step);
      at += step;
      if (have === ENVELOPE_BYTES && size === 0) size = ENVELOPE_BYTES + head.readUInt32BE(1);
      if (size === 0 || have < Math.min(size, HEAD_BYTES)) continue;
      see(head.subarray(ENVELOPE_BYTES, have));
      skip = size - have;
      have = 0;
      size = 0;
    }
  };
}

/** The position that a changes frame reaches: field 2 of the changes, behind field 1, the position before it. */
function throughOf(head: Buffer): number {
  let at = 1;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = head[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  varint();
  let seq = 0;
  while (head[at] === 0x08 || head[at] === 0x10) {
    const field = head[at++];
    const value = varint();
    if (field === 0x10) seq = value;
  }
  return seq;
}

function subscribe(cursor: Buffer, isFirst: boolean): void {
  const session = connect(url, { settings: { initialWindowSize: WINDOW_BYTES } });
  session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': `${STATUSES}/WatchStatuses`,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  stream.on('error', () => {}).on('close', () => (counts.ended += 1));
  let isFollowing = false;
  const follow = () => {
    if (isFollowing) return;
    isFollowing = true;
    following += 1;
    if (following === Number(count)) process.send?.({ following });
  };
  const read = headsOf((head) => {
    if (head[0] === (mode === 'cold' ? FRAME.snapshotEnd : FRAME.heartbeat)) follow();
    if (head[0] !== FRAME.changes) return;
    counts.changes += 1;
    if (isFirst && mode === 'live') {
      counts.arrivals.push({ seq: throughOf(head), at: performance.timeOrigin + performance.now() });
    }
  });
  stream.on('data', (chunk: Buffer) => {
    counts.bytes += chunk.length;
    read(chunk);
  });
  const message = cursor.length > 0 ? Buffer.concat([Buffer.from([0x0a, cursor.length]), cursor]) : cursor;
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([envelope, message]));
}

/** A cursor at about the newest change. */
async function cursorOfNow(): Promise<Buffer> {
  const answer = await fetch(`${url}${STATUSES}/ListStatusUpdates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ updatedAfter: new Date().toISOString() }),
  });
  const { cursor } = (await answer.json()) as { cursor: string };
  return Buffer.from(cursor, 'base64');
}

setPriority(10); // it stands for other machines: it must not take the server's turn
const cursor = mode === 'live' ? await cursorOfNow() : Buffer.alloc(0);
for (let i = 0; i < Number(count); i++) subscribe(cursor, i === 0);
process.on('message', () => {
  process.send?.(counts);
  Object.assign(counts, { changes: 0, bytes: 0, arrivals: [] });
});
process.on('disconnect', () => process.exit());
