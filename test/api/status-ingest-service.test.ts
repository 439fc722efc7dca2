import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { RejectedEvent_Reason, StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { openStatusIngestService, type StatusIngestOptions } from '../../src/api/status-ingest-service.ts';
import { openEdge } from '../support/edge.ts';

const openWith = (takeEvents: StatusIngestOptions['takeEvents']) =>
  openEdge({ statusIngest: openStatusIngestService({ takeEvents }) });

const push = async (url: string, events: unknown) => {
  const response = await fetch(`${url}/deptrans.v1.StatusIngestService/ReportStatuses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  });
  return { status: response.status, text: await response.text() };
};

test('events are handed on as they came, and what became of them is told', async () => {
  let given: unknown;
  await using edge = await openWith((events) => {
    given = events;
    return Promise.resolve({
      accepted: 1,
      duplicate: 2,
      outdated: 3,
      rejected: [{ index: 4, reason: 'TIME_IN_FUTURE' }],
    });
  });
  const client = createClient(StatusIngestService, createGrpcTransport({ baseUrl: edge.url }));
  const eventAt = { seconds: 1_700_000_000n, nanos: 5 };

  const answer = await client.reportStatuses({
    events: [{ parkId: 'p', driverId: 'd', status: ContractorStatus.BUSY, eventAt }, {}],
  });

  expect(given).toMatchObject([{ parkId: 'p', driverId: 'd', status: ContractorStatus.BUSY, eventAt }, { parkId: '' }]);
  expect(answer).toMatchObject({
    accepted: 1,
    duplicate: 2,
    outdated: 3,
    rejected: [{ index: 4, reason: RejectedEvent_Reason.TIME_IN_FUTURE }],
  });
});

test('a status word nobody knows is one bad event, not a bad batch', async () => {
  let given: readonly { status: number }[] = [];
  await using edge = await openWith((events) => {
    given = events;
    return Promise.resolve({ accepted: 0, duplicate: 0, outdated: 0, rejected: [] });
  });
  expect((await push(edge.url, [{ status: 'DANCING' }, { status: 77 }])).status).toBe(200);
  expect(given.map(({ status }) => status)).toEqual([0, 77]);
});

test.each([0, 10_001])('%i events are LIMIT_OUT_OF_RANGE and nothing is taken', async (n) => {
  let asked = false;
  await using edge = await openWith(() => {
    asked = true;
    return Promise.resolve({ accepted: 0, duplicate: 0, outdated: 0, rejected: [] });
  });
  const answer = await push(edge.url, Array(n).fill({}));
  expect([answer.status, asked]).toEqual([400, false]);
  expect(answer.text).toContain('"field":"events"');
});

test('a database that is away is SERVICE_DEGRADED; anything else is our fault', async () => {
  let error: Error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  await using edge = await openWith(() => Promise.reject(error));
  expect((await push(edge.url, [{}])).status).toBe(503);
  error = new Error('bug');
  expect((await push(edge.url, [{}])).status).toBe(500);
});
