import http from 'node:http';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { readStream } from '../histories/wire.ts';

/** What callers saw of one life of the service. */
export type Seen = {
  /** Calls whose answer came. */
  answered: number;
  /** Streams, each by the kind of its last frame and the status at its end. */
  streams: { last: string; status: string }[];
};

export type Callers = {
  readonly seen: Seen;
  /** Streams that have had a frame. */
  begun(): number;
  /** Resolves when all have noticed that the service is gone. */
  readonly gone: Promise<Seen>;
};

const UNAVAILABLE = 'unavailable';
const CHECK = '/deptrans.v1.DiagnosticsService/CheckDriver';
const request = { parkId: 'park-1', driverId: 'driver-1' };

/**
 * Callers that never pause: `unary` of them make one call after another, half over gRPC on shared connections, half over HTTP/1.1; `streams` hold
 * a stream of shifts each. Everybody goes on until the service does not take connections any more.
 */
export function openCallers(url: string, { unary, streams }: { unary: number; streams: number }): Callers {
  const seen: Seen = { answered: 0, streams: [] };
  const agent = new http.Agent({ keepAlive: true });
  const client = createClient(DiagnosticsService, createGrpcTransport({ baseUrl: url }));
  const overGrpc = async () => void (await client.checkDriver(request));
  const overHttp1 = () => post(url + CHECK, agent);
  const call = async (once: () => Promise<void>) => {
    for (let refused = 0; refused < 3; ) {
      try {
        await once();
        seen.answered += 1;
        refused = 0;
      } catch {
        refused += 1;
        if (!(await takesConnections(url))) return;
      }
    }
  };
  const calls = Array.from({ length: unary }, (_, i) => call(i % 2 === 0 ? overGrpc : overHttp1));
  let begun = 0;
  const hello = () => {
    begun += 1;
  };
  const watching = Array.from({ length: streams }, async () => void seen.streams.push(await watch(url, hello)));
  const gone = Promise.all([...calls, ...watching]).then(() => {
    agent.destroy();
    return seen;
  });
  return { seen, begun: () => begun, gone };
}

/** Whole when the body has come and is what was asked for. */
function post(url: string, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = http.request(url, { method: 'POST', agent, headers }, async (response) => {
      const text = Buffer.concat(await response.toArray().catch(() => [])).toString();
      if (response.statusCode === 200 && text.endsWith('}')) resolve();
      else reject(new Error(`HTTP ${response.statusCode}`));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(request));
  });
}

function takesConnections(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`, { headers: { connection: 'close' } }).then(
    () => true,
    () => false,
  );
}

const GRPC_UNAVAILABLE = '14';
/** Field numbers of the frames in `WatchStatusesResponse`: what the first byte of a message tells. */
const GO_AWAY_FIELD = 7;

async function watch(url: string, hello: () => void): Promise<{ last: string; status: string }> {
  const asked = { url, kind: 'statuses', cursor: new Uint8Array(0), filter: [] } as const;
  const messages = readStream(asked, new AbortController().signal);
  let last = 'nothing';
  for (;;) {
    const { value, done } = await messages.next();
    if (done) return { last, status: value === GRPC_UNAVAILABLE ? UNAVAILABLE : value };
    if (last === 'nothing') hello();
    last = value[0]! >> 3 === GO_AWAY_FIELD ? 'go_away' : 'other';
  }
}
