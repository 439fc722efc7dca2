import { pathToFileURL } from 'node:url';
import { create, createRegistry, type DescFile, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createServiceImplSpec } from '@connectrpc/connect';
import { makeRequestHandler } from '../../src/api/endpoints.ts';
import { makeInterceptors } from '../../src/api/interceptors.ts';
import { makeEndpoints } from '../../src/api/mount.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openListener } from '../../src/runtime/listener.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { makeSelfSigned } from '../../test/support/self-signed.ts';
import { conformanceService } from './service.ts';

/**
 * The server that the conformance suite asks for: our listener, paths, decoding and interceptors, with the suite's service mounted. Reads what it shall
 * be from standard input and tells its address on standard output, each a message behind its length. Argument: the folder of the generated code.
 */
const folder = process.argv[2]!;
const load = (name: string): Promise<Record<string, unknown>> =>
  import(pathToFileURL(`${folder}/connectrpc/conformance/v1/${name}_pb.ts`).href);
const service = (await load('service')) as { file_connectrpc_conformance_v1_service: DescFile };
const compat = (await load('server_compat')) as { file_connectrpc_conformance_v1_server_compat: DescFile };
const registry = createRegistry(
  service.file_connectrpc_conformance_v1_service,
  compat.file_connectrpc_conformance_v1_server_compat,
);
const message = (name: string) => {
  const found = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (!found) throw new Error(`The suite has no message ${name}`);
  return found;
};

const asked = fromBinary(message('ServerCompatRequest'), await readMessage()) as unknown as {
  useTls: boolean;
  messageReceiveLimit: number;
};
const log = openLog('silent');
const limits = { maxBytes: asked.messageReceiveLimit || 4 * 1024 * 1024, timeoutMs: 30_000 };
const impl = conformanceService(message('ConformancePayload.RequestInfo'), message);
const methods = Object.values(
  createServiceImplSpec(registry.getService('connectrpc.conformance.v1.ConformanceService')!, impl as never).methods,
);
const admit = () => {};
const endpoints = makeEndpoints(methods, {
  interceptors: makeInterceptors(log, admit),
  limits,
  shutdownSignal: new AbortController().signal,
  registry,
  frames: new Map(),
  log,
  admit,
});
const tls = asked.useTls ? makeSelfSigned() : undefined;
const metrics = openMetrics(systemClock);
const handler = makeRequestHandler({ endpoints, ops: new Map(), clock: systemClock, log, metrics });
const listener = await openListener({ host: '127.0.0.1', port: 0, handler, tls });
process.once('SIGTERM', () => process.exit(0));
const answer = toBinary(
  message('ServerCompatResponse'),
  create(message('ServerCompatResponse'), {
    host: '127.0.0.1',
    port: listener.port,
    pemCert: tls ? Buffer.from(tls.cert) : new Uint8Array(),
  } as never),
);
const length = Buffer.alloc(4);
length.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([length, answer]));

async function readMessage(): Promise<Buffer> {
  let all: Buffer = Buffer.alloc(0);
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    all = Buffer.concat([all, part]);
    if (all.length >= 4 && all.length >= 4 + all.readUInt32BE(0)) break;
  }
  return all.subarray(4, 4 + all.readUInt32BE(0));
}
