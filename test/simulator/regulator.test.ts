import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRegulator, type RegulatorServer } from '../../simulator/regulator/regulator.ts';
import { regulatorClient } from './regulator-client.ts';

let regulator: RegulatorServer;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 5, 12);
  regulator = await openRegulator({ now: () => nowMs });
  regulator.registry.put('00123', '77 AB 123456');
});
afterEach(() => regulator.close());

describe('login', () => {
  test('gives a token that goes raw into Authorization', async () => {
    const client = regulatorClient(regulator.url);
    expect(await client.post('/drivers/check', {})).toMatchObject({ status: 400 });
    expect(await client.post('/drivers/check', { driverId: '1', licenseNumber: 'x' })).toMatchObject({ status: 401 });
    expect(await client.post('/authenticate', { login: 'service', password: 'wrong' })).toMatchObject({ status: 401 });
    const token = await client.login();
    client.token = `Bearer ${token}`;
    expect(await client.get('/drivers/123/session')).toMatchObject({ status: 401 });
    client.token = token;
    expect(await client.get('/drivers/123/session')).toEqual({ status: 200, body: { session: null } });
  });

  test('a token ends after its life with 950, and can be voided by the next login', async () => {
    Object.assign(regulator.settings, { tokenLifeMs: 60_000, voidOldTokens: true });
    const client = regulatorClient(regulator.url);
    const first = await client.login();
    nowMs += 60_000;
    const expired = await client.get('/drivers/123/session');
    expect(expired).toMatchObject({ status: 200, body: { error: { code: '950' } } });
    await client.login();
    client.token = first;
    expect(await client.get('/drivers/123/session')).toMatchObject({ status: 401 });
    expect(regulator.tokens.logins).toBe(2);
  });

  test('is throttled within any minute', async () => {
    regulator.settings.loginsPerMinute = 2;
    const client = regulatorClient(regulator.url);
    await client.login();
    nowMs += 30_000;
    await client.login();
    const refused = await client.post('/authenticate', { login: 'service', password: 'secret' });
    expect(refused).toMatchObject({ status: 429, retryAfter: '30' });
    nowMs += 30_000;
    await client.login();
  });
});

describe('reports and sessions', () => {
  test('CONNECTED opens a shift, DISCONNECTED finishes it, ids are compared canonically', async () => {
    const client = regulatorClient(regulator.url);
    await client.login();
    const opened = await client.report('123', 'CONNECTED', nowMs);
    expect(opened.status).toBe(200);
    const { session } = opened.body as { session: { id: string; status: string; startedAt: string; endGuess: string } };
    expect(['ISSUED', 'ONLINE']).toContain(session.status);
    expect(session.startedAt).toBe(new Date(nowMs).toISOString());
    expect(Date.parse(session.endGuess)).toBeLessThanOrEqual(nowMs + 12 * 3_600_000);
    nowMs += 10_000;
    const read = await client.get('/drivers/000123/session');
    expect(read.body).toMatchObject({ session: { id: session.id, status: 'ONLINE' } });
    expect((read.body as { session: { endGuess: string } }).session.endGuess).not.toBe(session.endGuess);
    const closed = await client.report('0123', 'DISCONNECTED', nowMs);
    const ended = { id: session.id, status: 'FINISHED', endGuess: new Date(nowMs).toISOString() };
    expect(closed.body).toMatchObject({ session: ended });
    nowMs += 61_000;
    expect((await client.get('/drivers/123/session')).body).toMatchObject({ session: { status: 'FINALIZED' } });
    expect(regulator.registry.find('123')?.history.map(({ what }) => what)).toEqual(['opened', 'closed']);
  });

  test.each([
    ['already', { error: { code: 'ALREADY' } }, 1],
    ['harmless', { session: { status: 'ONLINE' } }, 1],
    ['secondShift', { session: {} }, 2],
  ] as const)('a repeat is answered as set: %s', async (repeats, body, shifts) => {
    regulator.settings.repeats = repeats;
    const client = regulatorClient(regulator.url);
    await client.login();
    await client.report('123', 'CONNECTED', nowMs);
    nowMs += 5_000;
    expect((await client.report('123', 'CONNECTED', nowMs)).body).toMatchObject(body);
    expect(regulator.registry.find('123')?.shifts).toBe(shifts);
  });

  test('with ordersByOccurredAt an older report has no effect', async () => {
    regulator.settings.ordersByOccurredAt = true;
    const client = regulatorClient(regulator.url);
    await client.login();
    await client.report('123', 'CONNECTED', nowMs);
    const late = await client.report('123', 'DISCONNECTED', nowMs - 1);
    expect(late.body).toHaveProperty('session.startedAt');
    expect(regulator.registry.shift('123', nowMs)?.endedAtMs).toBeNull();
  });

  test('the regulator ends a shift when the hours are over, and on demand', async () => {
    const client = regulatorClient(regulator.url);
    await client.login();
    await client.report('123', 'CONNECTED', nowMs);
    nowMs += 12 * 3_600_000;
    expect((await client.get('/drivers/123/session')).body).toMatchObject({ session: { status: 'FINALIZED' } });
    await client.report('123', 'CONNECTED', nowMs);
    expect(regulator.registry.endShift('123', nowMs)).toBe(true);
    expect(regulator.registry.endShift('123', nowMs)).toBe(false);
    expect(regulator.registry.find('123')?.history.map(({ what }) => what)).toEqual([
      'opened',
      'over',
      'opened',
      'over',
    ]);
  });

  test('unknown and blocked drivers get an error inside a 200', async () => {
    const client = regulatorClient(regulator.url);
    await client.login();
    expect((await client.report('999', 'CONNECTED', nowMs)).body).toMatchObject({ error: { code: 'DRIVER_UNKNOWN' } });
    regulator.registry.block('123', nowMs + 1_000);
    expect((await client.report('123', 'CONNECTED', nowMs)).body).toMatchObject({ error: { code: 'DRIVER_BLOCKED' } });
    nowMs += 1_000;
    expect((await client.report('123', 'CONNECTED', nowMs)).body).toHaveProperty('session');
    regulator.registry.forget('123');
    expect((await client.report('123', 'DISCONNECTED', nowMs)).body).toMatchObject({
      error: { code: 'DRIVER_UNKNOWN' },
    });
  });

  test('the session cannot be read when that is switched off', async () => {
    regulator.settings.canReadSession = false;
    const client = regulatorClient(regulator.url);
    await client.login();
    expect(await client.get('/drivers/123/session')).toMatchObject({ status: 404 });
  });
});

test('check compares the licence', async () => {
  const client = regulatorClient(regulator.url);
  await client.login();
  const check = async (driverId: string, licenseNumber: string) =>
    (await client.post('/drivers/check', { driverId, licenseNumber })).body;
  expect(await check('123', '77 AB 123456')).toEqual({ valid: true });
  expect(await check('0123', '77 AB 123457')).toEqual({ valid: false, reason: 'MISMATCH' });
  expect(await check('124', '77 AB 123456')).toEqual({ valid: false, reason: 'DRIVER_UNKNOWN' });
});

test('a batch answers item by item, with errors and gaps, or is absent', async () => {
  regulator.registry.put('5', 'licence 5');
  regulator.registry.put('6', 'licence 6');
  regulator.faults.add({ kind: 'batchItemError', drivers: ['5'], code: 'BUSY' });
  regulator.faults.add({ kind: 'batchItemMissing', drivers: ['6'] });
  const client = regulatorClient(regulator.url);
  await client.login();
  const occurredAt = new Date(nowMs).toISOString();
  const batch = ['123', '5', '6', '7'].map((driverId) => ({ driverId, event: 'CONNECTED', occurredAt }));
  const { body } = await client.post('/drivers/status/batch', batch);
  expect(body).toMatchObject({
    results: [
      { driverId: '123', session: {} },
      { driverId: '5', error: { code: 'BUSY' } },
      { driverId: '7', error: { code: 'DRIVER_UNKNOWN' } },
    ],
  });
  expect(regulator.registry.shift('6', nowMs)?.endedAtMs).toBeNull();
  regulator.settings.maxBatch = 3;
  expect(await client.post('/drivers/status/batch', batch)).toMatchObject({ status: 413 });
  regulator.settings.batch = false;
  expect(await client.post('/drivers/status/batch', batch)).toMatchObject({ status: 404 });
});

test.each([
  ['GET', '/', undefined, 404],
  ['GET', '/drivers/123/status', undefined, 405],
  ['POST', '/drivers/12a/status', { event: 'CONNECTED', occurredAt: '2026-01-05T12:00:00Z' }, 400],
  ['POST', '/drivers/123/status', { event: 'connected', occurredAt: '2026-01-05T12:00:00Z' }, 400],
  ['POST', '/drivers/123/status', { event: 'CONNECTED', occurredAt: '2026-01-05T12:00:00+03:00' }, 400],
  ['POST', '/drivers/123/status', { event: 'CONNECTED', occurredAt: 1767614400 }, 400],
  ['POST', '/drivers/123/status', [], 400],
  ['POST', '/drivers/status/batch', {}, 400],
] as const)('what is not in the contract is refused: %s %s %j', async (method, path, body, status) => {
  const client = regulatorClient(regulator.url);
  await client.login();
  expect(await client.send(method, path, body)).toMatchObject({ status });
});
