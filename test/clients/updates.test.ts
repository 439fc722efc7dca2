import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCategories } from '../../src/clients/categories.ts';
import { type Http, openHttp } from '../../src/clients/http.ts';
import { openProfiles } from '../../src/clients/profiles.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

const never = new AbortController().signal;
let cleanUp: AsyncDisposableStack;
let answer: { status: number; body: unknown };
let asked: string;
let http: Http;
beforeEach(async () => {
  cleanUp = new AsyncDisposableStack();
  const server = createServer((req, res) => {
    asked = req.url ?? '';
    res.writeHead(answer.status).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.defer(() => void server.close().closeAllConnections());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
  http = openHttp({ baseUrl, deadlineMs: 60_000, timer: openMetrics(systemClock).timer('clients') });
  cleanUp.use(http);
});
afterEach(() => cleanUp.disposeAsync());

const key = { park_id: 'p', driver_id: 'd' };
const page = (field: string, rows: unknown) => ({
  status: 200,
  body: { [field]: rows, last_known_revision: 'r 2&', has_more: true },
});

test('profiles: the wire in and out', async () => {
  answer = page('profiles', [
    { ...key, driver_license_pd_id: 'x' },
    { ...key, driver_license_pd_id: null },
    { ...key },
    { ...key, driver_license_pd_id: '', deleted: false },
    { ...key, driver_license_pd_id: 'x', deleted: true, more: 1 },
  ]);
  const { updates } = openProfiles(http);
  const ours = { parkId: 'p', driverId: 'd', person: null, deleted: false };
  expect(await updates('r 1&', 7, never)).toEqual({
    rows: [{ ...ours, person: 'x' }, ours, ours, ours, { ...ours, deleted: true }],
    unreadable: 0,
    revision: 'r 2&',
    hasMore: true,
  });
  expect(asked).toBe('/base/v1/profiles/updates?last_known_revision=r+1%26&limit=7');
  await updates(null, 7, never);
  expect(asked).toBe('/base/v1/profiles/updates?last_known_revision=&limit=7');
});

test('categories: the wire in and out', async () => {
  answer = page('drivers', [
    { ...key, categories: [] },
    { ...key, categories: ['econom', 'business', 'econom'] },
  ]);
  expect(await openCategories(http).updates(null, 7, never)).toMatchObject({
    rows: [
      { parkId: 'p', driverId: 'd', categories: [] },
      { parkId: 'p', driverId: 'd', categories: ['business', 'econom'] },
    ],
  });
  expect(asked).toBe('/base/v1/drivers/categories/updates?last_known_revision=&limit=7');
});

test.each<[string, unknown]>([
  ['that is null', null],
  ['that is a text', 'x'],
  ['that is a list', []],
  ['without anything', {}],
  ['with an empty park', { ...key, park_id: '' }],
  ['with a driver too long', { ...key, driver_id: 'x'.repeat(65) }],
  ['with a number for a park', { ...key, park_id: 7 }],
  ['with a line break in the driver', { ...key, driver_id: 'a\nb' }],
  ['with a number for a person', { ...key, driver_license_pd_id: 7 }],
  ['with a person too long', { ...key, driver_license_pd_id: 'x'.repeat(129) }],
  ['with a NUL in the person', { ...key, driver_license_pd_id: 'a\u0000' }],
  ['with a text for deleted', { ...key, deleted: 'yes' }],
])('a profile %s is left out', async (_, row) => {
  answer = page('profiles', [row, { ...key, driver_license_pd_id: 'x' }]);
  expect(await openProfiles(http).updates(null, 7, never)).toMatchObject({
    rows: [{ person: 'x' }],
    unreadable: 1,
  });
});

test.each<[string, unknown]>([
  ['absent', undefined],
  ['null', null],
  ['a text', 'econom'],
  ['numbers', [1]],
  ['with an empty one', ['']],
  ['with one too long', ['x'.repeat(65)]],
  ['too many', Array.from({ length: 201 }, (_, i) => `t${i}`)],
])('categories that are %s are left out', async (_, categories) => {
  answer = page('drivers', [{ ...key, categories }]);
  expect(await openCategories(http).updates(null, 7, never)).toMatchObject({ rows: [], unreadable: 1 });
});

test.each([
  [[]],
  [{}],
  [{ profiles: {}, last_known_revision: 'r', has_more: false }],
  [{ profiles: [], last_known_revision: '', has_more: false }],
  [{ profiles: [], last_known_revision: 7, has_more: false }],
  [{ profiles: [], last_known_revision: 'x'.repeat(1_001), has_more: false }],
  [{ profiles: [], last_known_revision: 'r' }],
  [{ profiles: Array.from({ length: 20_001 }, () => 0), last_known_revision: 'r', has_more: false }],
])('an envelope that is not as agreed is an error', async (body) => {
  answer = { status: 200, body };
  await expect(openProfiles(http).updates(null, 7, never)).rejects.toMatchObject({ code: 'UNEXPECTED' });
});

test('a forgotten revision is an answer; other errors are errors', async () => {
  answer = { status: 410, body: { code: 'REVISION_FORGOTTEN' } };
  expect(await openProfiles(http).updates('r', 7, never)).toBe('forgotten');
  answer = { status: 410, body: { code: 'GONE' } };
  await expect(openProfiles(http).updates('r', 7, never)).rejects.toMatchObject({ code: 'HTTP_410' });
});
