import http2 from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ListIdUpdatesRequest, ListStatusUpdatesRequest } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { answers, type Edge, openEdge } from '../support/edge.ts';

const IDS = '/internal/v1/id/updates';
const STATUSES = '/internal/v1/status/updates';

let edge: Edge;
let asked: ListIdUpdatesRequest | ListStatusUpdatesRequest;
beforeAll(async () => {
  edge = await openEdge({
    incrementalUpdates: {
      listIdUpdates: (request) => {
        asked = request;
        return answers.ids;
      },
      listStatusUpdates: (request) => {
        asked = request;
        return answers.statuses;
      },
    },
  });
});
afterAll(() => edge.close(0));

const get = (path: string) => fetch(edge.url + path);

test('it works over HTTP/2 too', async () => {
  const session = http2.connect(edge.url);
  const stream = session.request({ ':path': `${IDS}?limit=7` });
  expect(JSON.parse(Buffer.concat(await stream.toArray()).toString())).toMatchObject({ has_more: true });
  expect(asked.limit).toBe(7);
  session.close();
});

test.each([
  ['limit=10&wait_ms=5', { limit: 10, waitMs: 5 }],
  ['limit=10&waitMs=5&unknown=1', { limit: 10, waitMs: 5 }],
  ['updated_after=2024-02-29T12:00:00.5Z', { updatedAfter: { seconds: 1_709_208_000n, nanos: 500_000_000 } }],
  ['updated_after=2024-02-29T15:00:00%2B03:00', { updatedAfter: { seconds: 1_709_208_000n, nanos: 0 } }],
])('GET reads %s', async (query, expected) => {
  expect((await get(`${IDS}?${query}`)).status).toBe(200);
  expect(asked).toMatchObject(expected);
});

test.each(['cursor=-_--AQ', 'cursor=-_--AQ==', 'cursor=%2B%2F%2B%2BAQ%3D%3D', 'cursor=+/++AQ=='])(
  'GET reads %s',
  async (query) => {
    expect((await get(`${IDS}?${query}`)).status).toBe(200);
    expect(Buffer.from(asked.cursor).toString('hex')).toBe('fbffbe01');
  },
);

test('GET reads repeated parameters', async () => {
  await get(`${STATUSES}?regions=moscow&regions=%D0%9A%D0%B0%D0%B7%D0%B0%D0%BD%D1%8C&cursor=`);
  expect((asked as ListStatusUpdatesRequest).regions).toEqual(['moscow', 'Казань']);
});

test.each([
  ['limit=-1', 'limit'],
  ['limit=4294967296', 'limit'],
  ['limit=1e3', 'limit'],
  ['limit=0x10', 'limit'],
  ['limit=', 'limit'],
  ['limit=%20 1', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['waitMs=1&wait_ms=1', 'wait_ms'],
  ['cursor=%00', 'cursor'],
  ['cursor=a!b', 'cursor'],
  ['cursor=A', 'cursor'],
  ['cursor=====', 'cursor'],
  ['updated_after=', 'updated_after'],
  ['updated_after=1709208000', 'updated_after'],
  ['updated_after=2024-02-29', 'updated_after'],
  ['updated_after=2024-02-29T12:00:00', 'updated_after'],
  ['updated_after=2024-02-30T12:00:00Z', 'updated_after'],
  ['updated_after=20240-02-29T12:00:00Z', 'updated_after'],
  ['updated_after=%27;drop table x', 'updated_after'],
])('GET refuses %s', async (query, field) => {
  const response = await get(`${IDS}?${query}`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'invalid_argument',
    reason: 'REQUEST_MALFORMED',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'REQUEST_MALFORMED', domain: 'deptrans' },
      { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field }] },
    ],
  });
});
