import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { settingsFor } from '../keys/keys.ts';
import { readConfig } from '../src/config.ts';

const good = {
  AUTH: 'open',
  DATABASE_URL: 'postgres://service:hunter22@127.0.0.1/deptrans',
  REGULATOR_URL: 'http://127.0.0.1:1/regulator',
  REGULATOR_LOGIN: 'service',
  REGULATOR_PASSWORD: 'hunter23',
  JOURNAL_KEY: 'hunter24hunter24',
  DRIVER_PROFILES_URL: 'http://127.0.0.1:1',
  DRIVER_CATEGORIES_URL: 'http://127.0.0.1:1',
  DRIVER_TRACKSTORY_URL: 'http://127.0.0.1:1',
  PERSONAL_URL: 'http://127.0.0.1:1',
};

const KEYED = { AUTH: 'keys', SERVICE_JWKS: '/s', SERVICE_ISSUER: 's' };

function problemsOf(env: Record<string, string | undefined>, folder?: string): string {
  try {
    readConfig(env, folder);
    return 'none';
  } catch (error) {
    return String(error);
  }
}

test('the shipped folder is good and frozen, with Moscow in it', () => {
  const config = readConfig(good);
  expect(config.regions.map(({ id, on }) => [id, on])).toEqual([['moscow', true]]);
  expect(config.parts).toEqual(new Set(['intake', 'delivery', 'mirror', 'supply', 'feed', 'api']));
  expect(config.kafkaBrokers).toBeNull();
  expect(Object.isFrozen(config)).toBe(true);
});

test('secrets never show, neither in the config nor in its problems', () => {
  const shown = inspect(readConfig(good), { depth: 4 }) + JSON.stringify(readConfig(good));
  const told = problemsOf({ ...good, DATABASE_URL: 'hunter25', JOURNAL_KEY: 'hunter26' });
  for (const text of [shown, told]) expect(text).not.toMatch(/hunter2\d/);
  expect(told).toContain('DATABASE_URL');
});

test.each([
  ['1', 'none'],
  ['30', 'none'],
  ['0', 'maintenance.journalDays'],
  ['31', 'maintenance.journalDays'],
])('a journal of %s days: %s', (days, told) => {
  expect(problemsOf({ ...good, DEPTRANS_MAINTENANCE_JOURNAL_DAYS: days })).toContain(told);
});

test('all problems are told together', () => {
  const told = problemsOf({
    PARTS: 'intake,kitchen',
    DEPTRANS_DELIVERY_SPEED: '1',
    DEPTRANS_FEED_POLL_MS: 'often',
    KAFKA_BROKERS: 'kafka',
  });
  for (const name of ['DATABASE_URL', 'REGULATOR_URL', 'PERSONAL_URL', 'PARTS', 'speed', 'pollMs', 'KAFKA_BROKERS'])
    expect(told).toContain(name);
});

test('the environment wins over the file, and unknown keys are refused in both', () => {
  expect(readConfig({ ...good, DEPTRANS_DELIVERY_QUIET_MS: '5000' }).limits.delivery.quietMs).toBe(5_000);
  expect(problemsOf({ ...good, DEPTRANS_KITCHEN_SINK: '1' })).toContain('kitchen');
  const folder = mkdtempSync(join(tmpdir(), 'deptrans-config-'));
  writeFileSync(join(folder, 'service.json'), '{"delivery": {"quietms": 1}, "cellar": {}}');
  const told = problemsOf(good, folder);
  expect(told).toContain('quietms');
  expect(told).toContain('cellar');
  expect(told).toContain('regions');
});

test('a secret may come from a file, but not twice', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'deptrans-config-')), 'password');
  writeFileSync(file, 'hunter27\n');
  const { REGULATOR_PASSWORD: _, ...rest } = good;
  expect(readConfig({ ...rest, REGULATOR_PASSWORD_FILE: file }).regulatorPassword.reveal()).toBe('hunter27');
  expect(problemsOf({ ...good, REGULATOR_PASSWORD_FILE: file })).toContain('given twice');
  expect(problemsOf({ ...rest, REGULATOR_PASSWORD_FILE: '/nowhere' })).toContain('cannot be read');
});

test('nothing but loopback is listened on', () => {
  expect(problemsOf({ ...good, HOST: '0.0.0.0' })).toContain('HOST');
});

test('open to all is for loopback, and nothing but keys is the default', () => {
  const { AUTH: _, ...unsaid } = good;
  expect(problemsOf(unsaid)).toMatch(/SERVICE_JWKS, SERVICE_ISSUER: needed/);
  for (const host of ['0.0.0.0', '10.0.0.1', '::', 'localhost.evil']) {
    expect(problemsOf({ ...good, HOST: host })).toMatch(/HOST: must be loopback/);
    expect(problemsOf({ ...good, ...KEYED, HOST: host })).toBe('none');
  }
  for (const host of ['127.0.0.1', '::1', 'localhost']) expect(problemsOf({ ...good, HOST: host })).toBe('none');
});

test.each([
  [{ SERVICE_ISSUER: undefined }, 'SERVICE_JWKS and SERVICE_ISSUER: one needs the other'],
  [{ DRIVER_JWKS: '/d' }, 'DRIVER_JWKS and DRIVER_ISSUER: one needs the other'],
  [{ DRIVER_JWKS: '/d', DRIVER_ISSUER: 's' }, 'DRIVER_ISSUER: must not be SERVICE_ISSUER'],
  [{ SERVICE_JWKS: 'keys' }, 'SERVICE_JWKS: '],
  [{ AUTH: 'none' }, 'AUTH: '],
  [{ PROXY_NETWORKS: '10.0.0.0/8, home' }, 'PROXY_NETWORKS: must be networks'],
  [{ PROXY_NETWORKS: '10.0.0.0/33' }, 'PROXY_NETWORKS: must be networks'],
  [{ DEPTRANS_AUTH_ALGORITHM: 'HS256' }, 'auth.algorithm'],
])('what cannot be about callers is told: %j', (wrong, told) => {
  expect(problemsOf({ ...good, ...KEYED, ...wrong })).toContain(told);
});

test('the composition knows callers by the keys that it makes', () => {
  const text = readFileSync(join(import.meta.dirname, '../compose.yaml'), 'utf8');
  const [, own = ''] = /\n {2}deptrans:\n([\s\S]*?)\n(?! {4})/.exec(text) ?? [];
  const env = Object.fromEntries(
    [...own.matchAll(/^ {6}([A-Z_]+): (\S+)$/gm)].map(([, name, value]) => [name!, value!]),
  );
  const { auth, host } = readConfig(env);
  const made = settingsFor('/keys');
  expect([host, auth]).toEqual([
    '0.0.0.0',
    {
      mode: 'keys',
      audience: made['AUDIENCE'],
      services: { keys: made['SERVICE_JWKS'], issuer: made['SERVICE_ISSUER'] },
      drivers: { keys: made['DRIVER_JWKS'], issuer: made['DRIVER_ISSUER'] },
      proxyNetworks: [],
    },
  ]);
});
