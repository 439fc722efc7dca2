import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type authByKeys, openToAll } from '../../src/auth/auth.ts';
import { type Caller, NotAdmitted, type Rule } from '../../src/auth/caller.ts';
import { openAuth } from '../../src/auth/open-auth.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { ANN, AUTH_LIMITS, CANDIDATES, openCallers, rotate, settingsOf, unsigned } from '../support/callers.ts';

const ANY: Rule = { drivers: true, engineers: true, services: ['candidates', 'driver-gateway', 'driver-status'] };
const DRIVER_HEADERS = { 'x-yataxi-park-id': 'park', 'x-yataxi-driver-profile-id': 'bob' };

type Asked = { authorization?: string; [name: string]: string | undefined };

async function admit(auth: ReturnType<typeof authByKeys>, header: Asked, peer = '10.9.9.9', rule = ANY) {
  try {
    return await auth.admit(rule, { header: new Headers(header as Record<string, string>), peer });
  } catch (error) {
    if (!(error instanceof NotAdmitted)) throw error;
    return `${error.why} ${error.detail}`;
  }
}
const bearing = (token: string) => ({ authorization: `Bearer ${token}` });

test('a token is who its claims say, and nobody else', async () => {
  await using callers = await openCallers();
  const as = async (token: string) => admit(callers.auth, bearing(token));
  expect(await as(await callers.token(CANDIDATES))).toEqual(CANDIDATES);
  expect(await as(await callers.token({ kind: 'engineer', name: 'ann@oncall' }))).toEqual({
    kind: 'engineer',
    name: 'ann@oncall',
  });
  const driver: Caller = { ...ANN, app: '', byProxy: false } as Caller;
  expect(await as(await callers.token(ANN))).toEqual(driver);
});

test('each thing that is wrong with a token is told apart in the metric, and in no answer', async () => {
  await using callers = await openCallers();
  const nowS = Math.floor(Date.now() / 1_000);
  const { forge } = callers;
  const good = await forge();
  const cases: [string, string][] = [
    [await forge({ claims: { aud: 'another' } }), 'audience'],
    [await forge({ claims: { exp: nowS - 6 } }), 'expired'],
    [await forge({ claims: { nbf: nowS + 600 } }), 'not_yet_valid'],
    [await forge({ claims: { iss: 'another' } }), 'issuer'],
    [await forge({ claims: { exp: undefined as never } }), 'claims'],
    [await forge({ claims: { kind: undefined } }), 'claims'],
    [await forge({ claims: { kind: 'root' } }), 'claims'],
    [await forge({ claims: { sub: 'a, b' } }), 'claims'],
    // Who makes drivers' tokens makes none of services, and the other way round.
    [await forge({ side: 'drivers', claims: { kind: 'service', sub: 'candidates' } }), 'claims'],
    [await forge({ claims: { kind: 'driver', park_id: 'p', driver_id: 'd' } }), 'claims'],
    [await forge({ by: 'unknown' }), 'key'],
    [await forge({ by: 'impostor' }), 'signature'],
    [await forge({ by: 'public' }), 'algorithm'],
    [unsigned(good), 'algorithm'],
    [`${good.slice(0, -8)}AAAAAAAA`, 'signature'],
    ['a.b.c', 'malformed'],
    [`${good}${'A'.repeat(5_000)}`, 'malformed'],
  ];
  for (const [token, detail] of cases)
    expect(await admit(callers.auth, bearing(token)), detail).toBe(`invalid ${detail}`);
  for (const authorization of ['Basic dTpw', 'Bearer', 'Bearer a b', good])
    expect(await admit(callers.auth, { authorization })).toBe('invalid malformed');
});

test('only who vouches for drivers may name one: a listed service, or a listed network without a token', async () => {
  await using callers = await openCallers({ proxyNetworks: ['10.1.0.0/16', '::1'] });
  const bob = { kind: 'driver', parkId: 'park', driverId: 'bob', app: 'taximeter', byProxy: true };
  const headers = { ...DRIVER_HEADERS, 'x-request-application': 'Taximeter' };
  const gateway = bearing(await callers.token({ kind: 'service', name: 'driver-gateway' }));
  const other = bearing(await callers.token(CANDIDATES));
  expect(await admit(callers.auth, { ...headers, ...gateway })).toEqual(bob);
  for (const peer of ['10.1.2.3', '::1', '::ffff:10.1.2.3'])
    expect(await admit(callers.auth, headers, peer), peer).toEqual(bob);
  for (const peer of ['10.2.0.1', '::2', '', 'unix'])
    expect(await admit(callers.auth, headers, peer), peer).toBe('missing driver_headers');
  // A token that does not vouch is not mended by a good address.
  for (const token of [other, bearing(await callers.token(ANN))])
    expect(await admit(callers.auth, { ...headers, ...token }, '10.1.2.3')).toBe('not_allowed driver_headers');
  expect(await admit(callers.auth, { ...headers, ...bearing('a.b.c') }, '10.1.2.3')).toBe('invalid malformed');
  for (const twice of [{ 'x-yataxi-park-id': 'a, b' }, { 'x-yataxi-driver-profile-id': '' }])
    expect(await admit(callers.auth, { ...headers, ...gateway, ...twice })).toBe('missing driver_headers');
});

test('a token that was seen before is admitted at once until it expires', async () => {
  let passedMs = 0;
  const clock = { ...systemClock, now: () => Date.now() + passedMs };
  await using callers = await openCallers({ clock });
  const header = new Headers(bearing(await callers.token(CANDIDATES, 600_000)));
  const ask = () => callers.auth.admit(ANY, { header, peer: '' });
  expect(await ask()).toEqual(CANDIDATES);
  expect(ask()).toEqual(CANDIDATES); // no promise
  passedMs += 610_000;
  await expect(ask()).rejects.toMatchObject({ detail: 'expired' });
});

test('keys are rotated while the service runs: the new one counts when its first token comes, the old one until it is taken out', async () => {
  let nowMs = 0;
  await using callers = await openCallers({ clock: { ...systemClock, monotonic: () => nowMs } });
  const old = bearing(await callers.token(CANDIDATES));
  expect(await admit(callers.auth, old)).toEqual(CANDIDATES);

  nowMs += AUTH_LIMITS.cooldownMs;
  const signFresh = await rotate(callers.folder, { keepOld: true });
  expect(await admit(callers.auth, bearing(await signFresh('candidates')))).toEqual(CANDIDATES);
  expect(await admit(callers.auth, old)).toEqual(CANDIDATES);

  nowMs += AUTH_LIMITS.cooldownMs;
  const signNewest = await rotate(callers.folder, { keepOld: false });
  expect(await admit(callers.auth, bearing(await signNewest('candidates')))).toBe('invalid signature');
  expect(await admit(callers.auth, bearing(await callers.forge({ by: 'unknown' })))).toBe('invalid key');
  expect(await admit(callers.auth, bearing(await signNewest('candidates')))).toEqual(CANDIDATES);
  expect(await admit(callers.auth, old)).toBe('invalid key');
});

test('keys behind a URL: asked again once for many unknown ones, kept while it is away, and never a secret one', async () => {
  await using callers = await openCallers();
  const good = await readFile(join(callers.folder, 'services.jwks.json'), 'utf8');
  let answer = { status: 503, body: 'away' };
  let asked = 0;
  const server = createServer((_, res) => {
    asked += 1;
    res.writeHead(answer.status).end(answer.body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const keys = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  let nowMs = 0;
  const clock = { ...systemClock, monotonic: () => nowMs };
  const lifetime = openLifetime();
  const settings = settingsOf(callers.folder);
  const auth = await openAuth({ ...settings, services: { ...settings.services, keys }, drivers: null }, AUTH_LIMITS, {
    lifetime,
    clock,
    log: openLog('silent'),
    metrics: openMetrics(clock),
  });
  const token = bearing(await callers.token(CANDIDATES));
  expect([auth.notReady(), asked]).toEqual(['keys of callers are not loaded', 1]);
  const many = await Promise.all(Array.from({ length: 50 }, () => admit(auth, token)));
  expect([new Set(many), asked]).toEqual([new Set(['invalid key']), 1]);

  nowMs += AUTH_LIMITS.cooldownMs;
  answer = { status: 200, body: JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }) };
  expect(await admit(auth, token)).toBe('invalid key');
  nowMs += AUTH_LIMITS.cooldownMs;
  answer = { status: 200, body: good };
  expect(await Promise.all([admit(auth, token), admit(auth, token)])).toEqual([CANDIDATES, CANDIDATES]);
  expect([auth.notReady(), asked]).toEqual([null, 3]);

  nowMs += AUTH_LIMITS.cooldownMs;
  answer = { status: 500, body: '' };
  expect(await admit(auth, bearing(await callers.forge({ by: 'unknown' })))).toBe('invalid key');
  expect([await admit(auth, token), asked]).toEqual([CANDIDATES, 4]);
  lifetime.stop(0);
  lifetime.abort();
  await auth[Symbol.asyncDispose]();
  await new Promise((resolve) => server.close(resolve));
});

test('open to all says so loudly', async () => {
  const lines: string[] = [];
  const lifetime = openLifetime();
  const log = openLog('info', { write: (line) => void lines.push(line) });
  await using auth = await openAuth({ mode: 'open' }, AUTH_LIMITS, {
    lifetime,
    clock: systemClock,
    log,
    metrics: openMetrics(systemClock),
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/"level":"warn".*EVERYBODY/);
  expect(await admit(auth, {}, '', { services: ['candidates'] })).toEqual({ kind: 'service', name: 'developer' });
  expect(await admit(openToAll(), {}, '', { engineers: true })).toBe('missing x-caller');
  expect(await admit(openToAll(), {}, '', { drivers: true })).toBe('missing driver_headers');
});
