import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import {
  type DriverIdRecord,
  DriverIdRecordSchema,
  type SessionRecord,
  SessionRecordSchema,
} from '../../gen/deptrans/v1/records_pb.ts';
import { sendJson } from '../http/exchange.ts';
import { serve } from '../http/serve.ts';
import { type Copy, type FeedRecord, openCopy } from './copy.ts';
import { type Following, follow } from './follow.ts';

/**
 * A subscriber of both feeds over gRPC, written against the contract alone: it keeps maps in memory and resumes by cursor.
 * `GET /copy` gives both maps as arrays of records (proto field names), `GET /lag` how fresh they are.
 */
export type Subscriber = AsyncDisposable & {
  readonly url: string;
  readonly ids: Copy<DriverIdRecord>;
  readonly statuses: Copy<SessionRecord>;
  lag(): { ids: Lag; statuses: Lag };
  close(): Promise<void>;
};

/** `lagMs`: the copy equals the database as it was at most so long ago; null if nobody can say. */
export type Lag = {
  connected: boolean;
  connects: number;
  resets: number;
  records: number;
  throughSeq: string;
  lagMs: number | null;
  violations: { gap: number; order: number };
};

const windowBytes = 4 * 1024 * 1024;

export async function openSubscriber({ serviceUrl, port }: { serviceUrl: string; port: number }): Promise<Subscriber> {
  const sessionManager = new Http2SessionManager(serviceUrl, {}, { settings: { initialWindowSize: windowBytes } });
  const transport = createGrpcTransport({ baseUrl: serviceUrl, acceptCompression: [], sessionManager });
  const client = createClient(IncrementalUpdatesService, transport);
  const ids = openCopy<DriverIdRecord>();
  const statuses = openCopy<SessionRecord>();
  const ways = { ids: newFollowing(), statuses: newFollowing() };
  const closing = new AbortController();
  const following = Promise.all([
    follow(ids, (cursor, signal) => client.watchIds({ cursor }, { signal }), ways.ids, closing.signal),
    follow(statuses, (cursor, signal) => client.watchStatuses({ cursor }, { signal }), ways.statuses, closing.signal),
  ]);
  const lag = () => ({ ids: lagOf(ids, ways.ids), statuses: lagOf(statuses, ways.statuses) });
  const json = { useProtoFieldName: true, alwaysEmitImplicit: true };
  const show = (): JsonValue => ({
    ids: [...ids.records.values()].map((record) => toJson(DriverIdRecordSchema, record, json)),
    statuses: [...statuses.records.values()].map((record) => toJson(SessionRecordSchema, record, json)),
  });
  const server = await serve(
    (call) => {
      if (call.path === '/copy') sendJson(call, 200, show());
      else if (call.path === '/lag') sendJson(call, 200, lag());
      else sendJson(call, 404, { paths: ['/copy', '/lag'] });
      return Promise.resolve();
    },
    { port },
  );
  const close = async () => {
    closing.abort();
    await following;
    sessionManager.abort();
    await server.close();
  };
  return { url: server.url, ids, statuses, lag, close, [Symbol.asyncDispose]: close };
}

function newFollowing(): Following {
  return { connected: false, connects: 0, lastFrameMs: null };
}

function lagOf(copy: Copy<FeedRecord>, { connected, connects, lastFrameMs }: Following): Lag {
  const known = connected && copy.sourceAgeMs !== null && lastFrameMs !== null;
  return {
    connected,
    connects,
    resets: copy.resets,
    records: copy.records.size,
    throughSeq: String(copy.throughSeq),
    lagMs: known ? copy.sourceAgeMs! + Math.round(performance.now() - lastFrameMs!) : null,
    violations: copy.violations,
  };
}
