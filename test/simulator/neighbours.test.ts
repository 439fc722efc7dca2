import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NeighbourServers, openNeighbours } from '../../simulator/neighbours/neighbours.ts';

let city: NeighbourServers;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 5, 12);
  city = await openNeighbours({ now: () => nowMs });
});
afterEach(() => city.close());

const anna = { parkId: 'park-1', driverId: 'anna' };
const boris = { parkId: 'park-2', driverId: 'boris' };

async function get(url: string) {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function post(url: string, body: unknown) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('incremental neighbours', () => {
  const updates = (revision: unknown = '', limit = 1_000) =>
    get(`${city.profilesUrl}/v1/profiles/updates?last_known_revision=${revision}&limit=${limit}`);

  test('give pages in the order of changes, newest row of each key, and nothing twice', async () => {
    for (let no = 0; no < 5; no += 1) city.data.putProfile({ parkId: 'park', driverId: `d${no}` }, `pd${no}`);
    city.data.putProfile({ parkId: 'park', driverId: 'd1' }, 'pd1b');
    city.data.deleteProfile({ parkId: 'park', driverId: 'd2' });
    const seen: unknown[] = [];
    let revision: unknown = '';
    let more = true;
    while (more) {
      const { body } = await updates(revision, 2);
      seen.push(...(body['profiles'] as unknown[]));
      revision = body['last_known_revision'];
      more = body['has_more'] as boolean;
    }
    expect(seen).toEqual([
      { park_id: 'park', driver_id: 'd0', driver_license_pd_id: 'pd0' },
      { park_id: 'park', driver_id: 'd3', driver_license_pd_id: 'pd3' },
      { park_id: 'park', driver_id: 'd4', driver_license_pd_id: 'pd4' },
      { park_id: 'park', driver_id: 'd1', driver_license_pd_id: 'pd1b' },
      { park_id: 'park', driver_id: 'd2', driver_license_pd_id: 'pd2', deleted: true },
    ]);
    expect((await updates(revision)).body).toEqual({ profiles: [], last_known_revision: revision, has_more: false });
  });

  test('a forgotten revision gets 410, a reload works', async () => {
    city.data.putProfile(anna, 'pd');
    const { body } = await updates();
    city.data.profiles.forget();
    expect(await updates(body['last_known_revision'])).toMatchObject({
      status: 410,
      body: { code: 'REVISION_FORGOTTEN' },
    });
    expect((await updates()).body['profiles']).toHaveLength(1);
    expect(await updates('rev-99')).toMatchObject({ status: 410 });
  });

  test.each(['?limit=0', '?limit=1e3', '?limit=20000', '?last_known_revision=7'])('bad query %s', async (query) => {
    expect(await get(`${city.profilesUrl}/v1/profiles/updates${query}`)).toMatchObject({ status: 400 });
  });

  test('categories go the same way', async () => {
    city.data.putCategories(anna, ['econom', 'business']);
    const { body } = await get(`${city.categoriesUrl}/v1/drivers/categories/updates`);
    expect(body['drivers']).toEqual([{ park_id: 'park-1', driver_id: 'anna', categories: ['econom', 'business'] }]);
  });

  test('memory follows the number of keys, not of changes', () => {
    for (let no = 0; no < 20_000; no += 1) city.data.putProfile({ parkId: 'park', driverId: `d${no % 10}` }, `pd${no}`);
    expect(city.data.profiles.after(0, 100)).toMatchObject({ hasMore: false, revision: 20_000 });
    expect(city.data.profiles.after(0, 100)?.rows).toHaveLength(10);
  });
});

test('positions are live or as recorded, unknown ones are left out', async () => {
  city.data.putPosition(anna, { lon: 37.6, lat: 55.75 });
  city.data.putPosition(boris, { lon: 30.3, lat: 59.9, recordedAtMs: nowMs - 3_600_000 });
  const ask = [anna, boris, { parkId: 'park-1', driverId: 'nobody' }].map(({ parkId, driverId }) => ({
    park_id: parkId,
    driver_id: driverId,
  }));
  const { body } = await post(`${city.trackstoryUrl}/v1/positions/bulk`, { drivers: ask });
  const [first, second, third] = body['positions'] as Record<string, string>[];
  expect(first).toMatchObject({ park_id: 'park-1', driver_id: 'anna', lon: 37.6, lat: 55.75 });
  expect(nowMs - Date.parse(first!['recorded_at']!)).toBeLessThan(10_000);
  expect(second!['recorded_at']).toBe(new Date(nowMs - 3_600_000).toISOString());
  expect(third).toBeUndefined();
  const many = Array.from({ length: 1_001 }, () => ask[0]);
  expect(await post(`${city.trackstoryUrl}/v1/positions/bulk`, { drivers: many })).toMatchObject({ status: 400 });
});

test('personal gives the licences it knows, a hundred at a time', async () => {
  city.data.putLicence('pd1', '77 AB 123456');
  const url = `${city.personalUrl}/v1/driver_licenses/bulk_retrieve`;
  expect((await post(url, { ids: ['pd1', 'pd2'] })).body).toEqual({ items: [{ id: 'pd1', value: '77 AB 123456' }] });
  expect(await post(url, { ids: Array.from({ length: 101 }, () => 'pd1') })).toMatchObject({ status: 400 });
  expect(await post(url, { ids: [7] })).toMatchObject({ status: 400 });
});

describe('switches', () => {
  test('unavailable, refused, and back on the same port', async () => {
    const { availability } = city.switches['driver-profiles'];
    const url = `${city.profilesUrl}/v1/profiles/updates`;
    await availability.set('unavailable');
    expect(await get(url)).toMatchObject({ status: 503 });
    await availability.set('refused');
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await availability.set('up');
    expect(await get(url)).toMatchObject({ status: 200 });
  });

  test('lies are told as asked', async () => {
    city.data.putProfile(anna, 'pd');
    const url = `${city.profilesUrl}/v1/profiles/updates`;
    const switches = city.switches['driver-profiles'];
    switches.lie = 'repeats';
    expect((await get(url)).body['profiles']).toHaveLength(2);
    switches.lie = 'stuck';
    expect((await get(url)).body).toEqual({ profiles: [], last_known_revision: 'rev-0', has_more: true });
    switches.lie = 'html';
    await expect(get(url)).rejects.toThrow('JSON');
    expect(switches.requests).toBe(3);
  });
});
