import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
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
  expect(config.parts).toEqual(new Set(['intake', 'delivery', 'mirror', 'feed', 'api']));
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
