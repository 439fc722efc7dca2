import { createHash } from 'node:crypto';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';

/**
 * Calls CheckDriver, a process of its own: arguments `grpc` or `json`, the address, how many calls, how many drivers there are. Sixteen at a time.
 * Prints `{ calls, wallMs }`; ends with 1 if a call fails.
 */
const [protocol = 'grpc', baseUrl = '', calls = '0', drivers = '1'] = process.argv.slice(2);
const AT_ONCE = 16;

const transports: Record<string, () => Transport> = {
  grpc: () => createGrpcTransport({ baseUrl }),
  json: () => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, acceptCompression: [] }),
};
const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const keys = Array.from({ length: Math.min(Number(drivers), 1_000) }, (_, i) => ({
  parkId: md5(`park ${i % 2_000}`),
  driverId: md5(`driver ${i}`),
}));

const client = createClient(DiagnosticsService, transports[protocol]!());
let left = Number(calls);
const call = async () => {
  while (left-- > 0) await client.checkDriver(keys[left % keys.length]!);
};
const began = performance.now();
await Promise.all(Array.from({ length: AT_ONCE }, call));
process.stdout.write(`${JSON.stringify({ calls: Number(calls), wallMs: performance.now() - began })}\n`);
process.exit(0);
