import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSimulator, type Simulator } from '../../simulator/simulator.ts';
import { until } from '../support/until.ts';
import { regulatorClient } from './regulator-client.ts';

let simulator: Simulator;
beforeEach(async () => {
  const options = { port: 0, people: 50, rate: 2_000, seed: 5, serviceUrl: null, brokers: null, weather: false };
  simulator = await openSimulator(options);
});
afterEach(() => simulator.close());

async function control(method: string, path: string, body?: unknown) {
  const response = await fetch(`${simulator.url}/control${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('all parts answer under their prefixes on one port', async () => {
  const get = async (path: string) => (await fetch(simulator.url + path)).status;
  expect(await get('/regulator/drivers/1/session')).toBe(401);
  expect(await get('/driver-profiles/v1/profiles/updates')).toBe(200);
  expect(await get('/driver-categories/v1/drivers/categories/updates')).toBe(200);
  expect(await get('/trackstory/v1/positions/bulk')).toBe(404);
  expect(await get('/personal/v1/driver_licenses/bulk_retrieve')).toBe(404);
  expect(await get('/control/state')).toBe(200);
  expect(await get('/')).toBe(404);
  expect(await get('/constructor/x')).toBe(404);
});

test('the city can be frozen and let go', async () => {
  await simulator.city.start();
  const messages = async () => {
    const { body } = await control('GET', '/state');
    return (body['produced'] as { messages: number }).messages;
  };
  await until(async () => (await messages()) > 200, 'messages are sent');
  expect(await control('POST', '/freeze')).toEqual({ status: 200, body: { ok: true } });
  const frozen = await messages();
  expect((await control('GET', '/state')).body).toMatchObject({ phase: 'frozen', unsent: 0, people: 50 });
  await control('PATCH', '/city', { rate: 5_000 });
  await control('POST', '/resume');
  await until(async () => (await messages()) > frozen, 'more messages are sent');
  expect((await control('GET', '/state')).body).toMatchObject({ phase: 'running', rate: 5_000 });
});

test('compare and truth show what is wrong', async () => {
  const [person] = simulator.city.people;
  simulator.city.truth.binding(person!.deptransId, person!.pdId, Date.now());
  const client = regulatorClient(`${simulator.url}/regulator`);
  await client.login();
  await client.report(person!.deptransId, 'CONNECTED', Date.now());
  const { body } = await control('GET', '/compare');
  expect(body).toMatchObject({ accounts: 50, people: 50, differ: 1, outOfOrder: 1, connected: 1, reports: 1 });
  expect(body['covered']).toMatchObject({ lostAnswer: 0, throttled: 0, tokenExpiry: 0, logins: 1, driveIn: 0 });
  const truth = await control('GET', `/truth/00${person!.deptransId}`);
  expect(truth.body).toMatchObject({
    should: { level: 'disconnected' },
    history: [{ what: 'opened', connected: true }],
    calls: [{ kind: 'status', answer: 'accepted', effect: 'opened' }],
  });
  expect(await control('GET', '/truth/1')).toMatchObject({ status: 404 });
  expect((await control('PATCH', '/judge', { dwellMs: 5_000 })).body).toMatchObject({ dwellMs: 5_000 });
  expect(await control('POST', '/region', { on: false, atMs: 5 })).toMatchObject({ status: 200 });
  const drained = await control('GET', `/truth/${person!.deptransId}`);
  expect(drained.body).toMatchObject({ should: { level: 'disconnected', why: 'the region is off' } });
  expect(await control('POST', '/region')).toMatchObject({ status: 400 });
});

describe('the regulator', () => {
  test('its settings are shown and changed, null means no limit', async () => {
    const path = '/regulator/settings';
    expect((await control('GET', path)).body).toMatchObject({ repeats: 'already', tokenLifeMs: null });
    await control('PATCH', path, { repeats: 'harmless', tokenLifeMs: 5_000, batch: false });
    expect(simulator.regulator.settings).toMatchObject({ repeats: 'harmless', tokenLifeMs: 5_000, batch: false });
    await control('PATCH', path, { tokenLifeMs: null, rateLimitRetryAfterS: null });
    expect(simulator.regulator.settings).toMatchObject({ tokenLifeMs: Number.POSITIVE_INFINITY });
    expect(simulator.regulator.settings.rateLimitRetryAfterS).toBeNull();
  });

  test('faults are added, listed and removed', async () => {
    const { body } = await control('POST', '/regulator/faults', { kind: 'reset', share: 0.5, calls: ['status'] });
    const added = { id: body['id'], fired: 0, rule: { kind: 'reset', share: 0.5, calls: ['status'] } };
    expect((await control('GET', '/regulator/faults')).body['rules']).toEqual([added]);
    expect((await control('DELETE', `/regulator/faults/${body['id']}`)).body).toEqual({ removed: true });
    await control('POST', '/regulator/faults', { kind: 'html' });
    await control('DELETE', '/regulator/faults');
    expect(simulator.regulator.faults.list()).toEqual([]);
  });

  test('it goes down and comes back, drivers are blocked, forgotten and sent home', async () => {
    const id = simulator.city.people[0]!.deptransId;
    const client = regulatorClient(`${simulator.url}/regulator`);
    await client.login();
    await control('POST', '/regulator/availability', { mode: 'unavailable' });
    expect(await client.report(id, 'CONNECTED', Date.now())).toMatchObject({ status: 503 });
    await control('POST', '/regulator/availability', { mode: 'refused' });
    await expect(client.report(id, 'CONNECTED', Date.now())).rejects.toThrow();
    await control('POST', '/regulator/availability', { mode: 'up' });
    await client.report(id, 'CONNECTED', Date.now());
    expect((await control('POST', `/regulator/drivers/${id}/end-shift`)).body).toEqual({ ended: true });
    await control('POST', `/regulator/drivers/${id}/block`, { forMs: 60_000 });
    const blocked = await client.report(id, 'CONNECTED', Date.now());
    expect(blocked.body).toMatchObject({ error: { code: 'DRIVER_BLOCKED' } });
    await control('POST', `/regulator/drivers/${id}/forget`);
    const unknown = await client.report(id, 'CONNECTED', Date.now());
    expect(unknown.body).toMatchObject({ error: { code: 'DRIVER_UNKNOWN' } });
    await control('POST', '/regulator/expire-tokens');
    const expired = await client.report(id, 'CONNECTED', Date.now());
    expect(expired.body).toMatchObject({ error: { code: '950' } });
    const { body } = await control('GET', `/regulator/calls?driver=0${id}&limit=2`);
    expect(body['calls']).toMatchObject([{ answer: 'error DRIVER_UNKNOWN' }, { answer: 'tokenExpired' }]);
    expect((await control('GET', '/regulator/stats')).body).toMatchObject({ logins: 1, overlapping: 0 });
  });
});

test('the neighbours go down, slow down, lie and forget', async () => {
  await control('PATCH', '/neighbours/personal', { mode: 'unavailable', forMs: 60_000, slowMs: 5, lie: 'nothing' });
  const shown = { mode: 'unavailable', slowMs: 5, lie: 'nothing' };
  expect((await control('GET', '/neighbours')).body['personal']).toMatchObject(shown);
  expect((await fetch(`${simulator.url}/personal/v1/x`)).status).toBe(503);
  await control('PATCH', '/neighbours/personal', { mode: 'up', lie: 'none' });
  expect(simulator.neighbours.switches.personal.lie).toBeNull();
  const updates = `${simulator.url}/driver-profiles/v1/profiles/updates`;
  const page = (await (await fetch(updates)).json()) as { last_known_revision: string };
  await control('POST', '/neighbours/driver-profiles/forget');
  expect((await fetch(`${updates}?last_known_revision=${page.last_known_revision}`)).status).toBe(410);
});

test.each([
  ['GET', '/nothing', undefined, 404],
  ['DELETE', '/state', undefined, 405],
  ['POST', '/regulator/faults', { kind: 'flood' }, 400],
  ['POST', '/regulator/faults', {}, 400],
  ['POST', '/regulator/faults', { kind: 'reset', share: 2 }, 400],
  ['POST', '/regulator/faults', { kind: 'reset', calls: ['everything'] }, 400],
  ['POST', '/regulator/faults', { kind: 'reset', sometimes: true }, 400],
  ['PATCH', '/regulator/settings', { repeats: 'never' }, 400],
  ['PATCH', '/regulator/settings', [], 400],
  ['POST', '/regulator/availability', {}, 400],
  ['POST', '/regulator/drivers/1/block', { forMs: 5 }, 404],
  ['PATCH', '/neighbours/nobody', {}, 404],
  ['PATCH', '/city', { rate: 'fast' }, 400],
  ['GET', '/regulator/calls?limit=0', undefined, 400],
  ['GET', '/regulator/calls?limit=many', undefined, 400],
] as const)('%s %s %j is refused', async (method, path, body, status) => {
  const answer = await control(method, path, body);
  expect(answer).toMatchObject({ status, body: { error: {} } });
});
