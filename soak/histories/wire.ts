import http2 from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { WatchStatusesRequestSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { Filter, Kind } from './truth.ts';

const METHODS = { ids: 'WatchIds', statuses: 'WatchStatuses' } as const;

export type Asked = { url: string; kind: Kind; cursor: Uint8Array; filter: Filter };

/**
 * A stream over gRPC, written by hand on a connection of its own: its messages one by one, read only as fast as the caller takes them. When
 * `signal` aborts the connection is gone without a word. Returns the status that the server gave, or `cut`.
 */
export async function* readStream(asked: Asked, signal: AbortSignal): AsyncGenerator<Buffer, string, void> {
  const session = http2.connect(asked.url);
  session.on('error', () => {});
  const vanish = () => session.destroy();
  if (signal.aborted) vanish();
  else signal.addEventListener('abort', vanish, { once: true });
  let status = 'cut';
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/deptrans.v1.IncrementalUpdatesService/${METHODS[asked.kind]}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const note = (headers: http2.IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.end(envelopeOf(asked));
    let rest: Buffer = Buffer.alloc(0);
    for await (const part of stream as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? part : Buffer.concat([rest, part]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        yield rest.subarray(5, end);
        rest = rest.subarray(end);
      }
    }
  } catch {
    // cut, by one side or the other
  } finally {
    signal.removeEventListener('abort', vanish);
    session.destroy();
  }
  return status;
}

/** Both requests have the cursor under the same number; that of ids has no regions. */
function envelopeOf({ cursor, filter }: Asked): Buffer {
  const message = toBinary(
    WatchStatusesRequestSchema,
    create(WatchStatusesRequestSchema, { cursor, regions: [...filter] }),
  );
  const envelope = Buffer.alloc(5 + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, 5);
  return envelope;
}
