import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/health/v1/health_pb.ts';
import { ACCESS } from '../../src/api/access.ts';
import { openEdge } from '../support/edge.ts';

async function openWith(reasons: string[]) {
  const edge = await openEdge({}, { readiness: () => reasons });
  return { edge, client: createClient(Health, createGrpcTransport({ baseUrl: edge.url })) };
}

test('Check and List follow the readiness', async () => {
  const reasons: string[] = [];
  const { edge, client } = await openWith(reasons);
  await using _ = edge;

  expect((await client.check({})).status).toBe(Status.SERVING);
  reasons.push('the copy of driver-profiles is not complete');
  expect((await client.check({ service: 'deptrans.v1.DriverIdService' })).status).toBe(Status.NOT_SERVING);
  const { statuses } = await client.list({});
  const ours = Object.keys(ACCESS).flatMap((name) => /^(deptrans[\w.]+)\//.exec(name)?.[1] ?? []);
  expect(Object.keys(statuses).sort()).toEqual(['', ...new Set(ours)].sort());
  expect(new Set(Object.values(statuses).map(({ status }) => status))).toEqual(new Set([Status.NOT_SERVING]));
});

test('a service that is not known is NOT_FOUND, and not our fault', async () => {
  const { edge, client } = await openWith([]);
  await using _ = edge;
  const error = ConnectError.from(await client.check({ service: 'x' }).catch((e: unknown) => e));
  expect(error.code).toBe(Code.NotFound);
  expect(edge.lines.join()).not.toContain('call failed');
});

test('Watch tells the state at once and each change of it, and ends when the process does', async () => {
  const reasons = ['no'];
  const { edge, client } = await openWith(reasons);
  await using _ = edge;
  const watch = client.watch({})[Symbol.asyncIterator]();
  const unknown = client.watch({ service: 'x' })[Symbol.asyncIterator]();

  expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);
  expect((await unknown.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
  reasons.pop();
  expect((await watch.next()).value?.status).toBe(Status.SERVING);
  edge.lifetime.abort();
  expect(ConnectError.from(await watch.next().catch((e: unknown) => e)).code).toBe(Code.Unavailable);
});

test('/healthz answers while the process lives, /readyz with the reasons while it cannot serve', async () => {
  const reasons = ['the database is away'];
  const { edge } = await openWith(reasons);
  await using _ = edge;

  expect((await fetch(`${edge.url}/healthz`)).status).toBe(200);
  const notReady = await fetch(`${edge.url}/readyz`);
  expect([notReady.status, await notReady.json()]).toEqual([503, { ready: false, reasons }]);
  reasons.pop();
  expect((await fetch(`${edge.url}/readyz`, { method: 'HEAD' })).status).toBe(200);
});
