import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiagnosticsService, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { type Child, startChild } from '../../simulator/stage/child.ts';
import { refusalOf } from '../support/feed/refusal.ts';

let stub: Child & { greeting: string };
beforeAll(async () => {
  stub = await startChild({
    file: 'src/stub/main.ts',
    env: { PORT: '0' },
    greeting: (line) => (line.includes('"started"') ? (JSON.parse(line) as { url: string }).url : null),
  });
});
afterAll(() => stub.stop());

const ID = '/driver/v1/deptrans-status/v1/id';
const as = (driver: string) => ({ 'x-yataxi-park-id': 'park-1', 'x-yataxi-driver-profile-id': driver });
const clientOf = <T extends Parameters<typeof createClient>[0]>(service: T) =>
  createClient(service, createGrpcTransport({ baseUrl: stub.greeting }));

test('an id that was set is shown afterwards, to that driver alone', async () => {
  const body = JSON.stringify({ deptrans_id: '0098765432' });
  const headers = { ...as('anna'), 'content-type': 'application/json' };
  await fetch(stub.greeting + ID, { method: 'POST', headers, body });
  const idOf = async (driver: string) => (await fetch(stub.greeting + ID, { headers: as(driver) })).json();
  expect(await idOf('anna')).toMatchObject({ id: { bound: true, deptrans_id: '***32' } });
  expect(await idOf('boris')).toMatchObject({ id: { bound: false } });
});

test('broken off: an answer begins and does not end, over both protocols', async () => {
  const response = await fetch(stub.greeting + ID, { headers: as('broken-off') });
  await expect(response.text()).rejects.toThrow();
  const client = createClient(DiagnosticsService, createConnectTransport({ baseUrl: stub.greeting, httpVersion: '2' }));
  const call = client.checkDriver({ parkId: 'p', driverId: 'd' }, { headers: { 'x-stub-answer': 'broken-off' } });
  await expect(call).rejects.toThrow();
});

test('slow: the answer has not come when an app gives up', async () => {
  const call = clientOf(DiagnosticsService).checkDriver({ parkId: 'p', driverId: 'slow' }, { timeoutMs: 300 });
  expect(await refusalOf(call)).toMatch(/^DeadlineExceeded/);
});

test('verdicts and refusals follow the words, in batches too', async () => {
  const client = clientOf(DiagnosticsService);
  const names = ['pass', 'no-id', 'id-rejected', 'no-session', 'session-ended', 'session-state-unknown', 'nobody'];
  const drivers = names.map((driverId) => ({ parkId: 'p', driverId }));
  const nameOf = ({ reason }: { reason: number }) =>
    Object.entries(VerdictReason).find(([, value]) => value === reason)?.[0];
  const { results } = await client.checkDrivers({ drivers, region: 'moscow' });
  const reasons = results.map(({ verdicts }) => verdicts.map(nameOf).join(' '));
  expect(reasons).toEqual([
    'UNSPECIFIED UNSPECIFIED',
    'NO_ID UNSPECIFIED',
    'ID_REJECTED UNSPECIFIED',
    'UNSPECIFIED NO_SESSION',
    'UNSPECIFIED SESSION_ENDED',
    'UNSPECIFIED SESSION_STATE_UNKNOWN',
    'PROFILE_UNKNOWN PROFILE_UNKNOWN',
  ]);
  const refused = client.checkDriver({ parkId: 'p', driverId: 'service-degraded' });
  expect(await refusalOf(refused)).toBe('Unavailable SERVICE_DEGRADED');
});

test('streams move, and a cursor goes on; pages say the same', async () => {
  const client = clientOf(IncrementalUpdatesService);
  const leaving = new AbortController();
  const cases: (string | undefined)[] = [];
  let cursor = new Uint8Array();
  for await (const { frame } of client.watchStatuses({}, { signal: leaving.signal })) {
    cases.push(frame.case);
    if (frame.case !== 'heartbeat') continue;
    cursor = frame.value.cursor as Uint8Array<ArrayBuffer>;
    if (cases.filter((name) => name === 'heartbeat').length === 2) break;
  }
  expect(cases.slice(0, 4)).toEqual(['hello', 'snapshotBegin', 'changes', 'snapshotEnd']);
  // What waits may be answered just before the next change.
  await expect
    .poll(() => client.listStatusUpdates({ cursor, waitMs: 5_000 }))
    .toMatchObject({ reset: false, statuses: expect.arrayContaining([expect.anything()]) });
  expect(await refusalOf(client.listStatusUpdates({ cursor: new Uint8Array([1]) }))).toBe(
    'InvalidArgument CURSOR_MALFORMED',
  );
});

test('the rest of the contract is answered too', async () => {
  expect(await clientOf(StatusIngestService).reportStatuses({ events: [{}] })).toMatchObject({ accepted: 0 });
  const status = await clientOf(OperationsService).status({}, { headers: { 'x-caller': 'tester' } });
  expect(status.regulator?.up).toBe(true);
});

test('/openapi.json is the generated file', async () => {
  const file = readFileSync(join(import.meta.dirname, '../../gen/openapi.json'), 'utf8');
  expect(await (await fetch(`${stub.greeting}/openapi.json`)).json()).toEqual(JSON.parse(file));
});

test('it ends within its grace', async () => {
  expect(await stub.stop(30_000)).toBe(0);
});
