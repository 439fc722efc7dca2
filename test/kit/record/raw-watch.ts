import { type ClientHttp2Session, connect } from 'node:http2';

/** A watch over gRPC as it comes over the wire. */
export type RawWatch = {
  /** The messages, one by one, as the bytes that were sent. */
  readonly messages: AsyncGenerator<Uint8Array, void, void>;
  /** The status of gRPC with which the server ended the stream; null as long as it has not. */
  status(): number | null;
  /** Ends the stream and its connection from this side. */
  leave(): void;
};

/** Calls `method` of the feed's service with an encoded request. Knows nothing of what the messages mean. */
export function rawWatch(url: string, method: 'WatchIds' | 'WatchStatuses', request: Uint8Array): RawWatch {
  const session = connect(url);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/deptrans.v1.IncrementalUpdatesService/${method}`,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  let status: number | null = null;
  stream.on('trailers', (trailers) => {
    status = Number(trailers['grpc-status']);
  });
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([envelope, request]));
  return { messages: readMessages(stream, session), status: () => status, leave: () => session.destroy() };
}

async function* readMessages(
  stream: AsyncIterable<Buffer>,
  session: ClientHttp2Session,
): AsyncGenerator<Uint8Array, void, void> {
  let held = Buffer.alloc(0);
  try {
    for await (const part of stream) {
      held = Buffer.concat([held, part]);
      while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
        const end = 5 + held.readUInt32BE(1);
        if (held[0] !== 0) throw new Error('a compressed message');
        yield held.subarray(5, end);
        held = held.subarray(end);
      }
    }
  } finally {
    session.destroy();
  }
}
