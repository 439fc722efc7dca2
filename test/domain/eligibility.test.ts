import { expect, test } from 'vitest';
import { desiredLevel } from '../../src/domain/eligibility.ts';
import { areaOf, type Region } from '../../src/domain/region.ts';
import type { Account, Look, OwnedProfile } from '../../src/domain/report.ts';
import { fresh } from '../support/accounts.ts';

const NOW = new Date('2026-01-10T12:00:00Z');
const HOUR = 3_600_000;
const box = (west: number): Region['area'] =>
  areaOf([
    [
      [west, 55],
      [west + 1, 55],
      [west + 1, 56],
      [west, 56],
      [west, 55],
    ],
  ]);
const moscow: Region = {
  id: 'moscow',
  on: true,
  tariffs: ['econom'],
  area: box(37),
  exitBufferMeters: 2_000,
  dwellMs: HOUR / 2,
};
const tula: Region = { ...moscow, id: 'tula', tariffs: ['business'], area: box(40) };
const limits = { maxSilenceMs: 24 * HOUR };
const INSIDE = { lon: 37.5, lat: 55.5 };
const TULA = { lon: 40.5, lat: 55.5 };
const FAR = { lon: 50, lat: 50 };
const NEAR = { lon: 38.01, lat: 55.5 };

const open: Account = { ...fresh, believed: true, region: 'moscow' };
const on = (driverId: string, categories = ['econom']): OwnedProfile => ({
  parkId: 'p',
  driverId,
  categories,
  connected: true,
  connectedAt: NOW,
  seenAt: NOW,
  queued: null,
});
const off = (driverId: string): OwnedProfile => ({ ...on(driverId), connected: false, connectedAt: null });

type Case = {
  account?: Account;
  profiles: OwnedProfile[];
  at?: Record<string, { lon: number; lat: number }>;
  regions?: Region[];
  owner?: null;
};

function level({ account = fresh, profiles, at = {}, regions = [moscow, tula], owner }: Case) {
  const look: Look = { account, owner: owner === null ? null : { person: 'ann', personNo: 1 }, profiles, now: NOW };
  const positions = new Map(Object.entries(at).map(([driver, point]) => [`p/${driver}`, point]));
  const { kind, ...rest } = desiredLevel(look, { version: 1, regions }, positions, limits);
  return [kind, 'region' in rest ? rest.region : rest.reason].join(' ');
}

test.each<[string, string, Case]>([
  ['one profile inside', 'connected moscow', { profiles: [on('1')], at: { 1: INSIDE } }],
  ['nobody connected', 'disconnected offline', { profiles: [off('1'), off('2')] }],
  ['one of two profiles connected', 'connected moscow', { profiles: [off('1'), on('2')], at: { 2: INSIDE } }],
  ['one in the region, one out', 'connected moscow', { profiles: [on('1'), on('2')], at: { 1: FAR, 2: INSIDE } }],
  [
    'right tariff offline, wrong tariff on line',
    'disconnected tariff',
    { profiles: [off('1'), on('2', ['cargo'])], at: { 2: INSIDE } },
  ],
  [
    'the tariff of one profile does not serve the other',
    'disconnected outside',
    {
      profiles: [on('1', ['cargo']), on('2')],
      at: { 1: INSIDE, 2: FAR },
    },
  ],
  ['a region lists its own tariffs', 'disconnected outside', { profiles: [on('1')], at: { 1: TULA } }],
  ['another region', 'connected tula', { profiles: [on('1', ['business'])], at: { 1: TULA } }],
  ['no owner', 'disconnected no_id', { owner: null, profiles: [] }],
  [
    'silent for more than a day',
    'disconnected silent',
    { profiles: [{ ...on('1'), seenAt: new Date(+NOW - 25 * HOUR) }], at: { 1: INSIDE } },
  ],
  ['unknown position', 'wait no_position', { profiles: [on('1')] }],
  ['one unknown, one outside', 'wait no_position', { profiles: [on('1'), on('2')], at: { 1: FAR } }],
  ['unknown position of an open driver', 'connected moscow', { account: open, profiles: [on('1')] }],
  ['just over the border while open', 'connected moscow', { account: open, profiles: [on('1')], at: { 1: NEAR } }],
  ['just over the border while not open', 'disconnected outside', { profiles: [on('1')], at: { 1: NEAR } }],
  ['far away for less than the dwell', 'connected moscow', { account: open, profiles: [on('1')], at: { 1: FAR } }],
  [
    'far away for the dwell',
    'disconnected outside',
    {
      account: { ...open, outsideSince: new Date(+NOW - HOUR / 2) },
      profiles: [on('1')],
      at: { 1: FAR },
    },
  ],
  [
    'far away for the dwell, second profile unknown',
    'connected moscow',
    {
      account: { ...open, outsideSince: new Date(+NOW - HOUR) },
      profiles: [on('1'), on('2')],
      at: { 1: FAR },
    },
  ],
  ['tariff dropped while open', 'disconnected tariff', { account: open, profiles: [on('1', [])], at: { 1: INSIDE } }],
  [
    'region switched off',
    'disconnected region_off',
    { account: open, profiles: [on('1')], regions: [{ ...moscow, on: false }], at: { 1: INSIDE } },
  ],
  [
    'moved from one region to another',
    'connected tula',
    { account: open, profiles: [on('1', ['econom', 'business'])], at: { 1: TULA } },
  ],
])('%s: %s', (_, expected, given) => {
  expect(level(given)).toBe(expected);
});

test('the first look outside starts the dwell, and coming back ends it', () => {
  const look = (account: Account): Look => ({
    account,
    owner: { person: 'a', personNo: 1 },
    profiles: [on('1')],
    now: NOW,
  });
  const rules = { version: 1, regions: [moscow] };
  const far = new Map([['p/1', FAR]]);
  expect(desiredLevel(look(open), rules, far, limits)).toMatchObject({ outsideSince: NOW });
  const earlier = new Date(+NOW - 60_000);
  expect(desiredLevel(look({ ...open, outsideSince: earlier }), rules, far, limits)).toMatchObject({
    outsideSince: earlier,
  });
  const back = new Map([['p/1', INSIDE]]);
  expect(desiredLevel(look({ ...open, outsideSince: earlier }), rules, back, limits)).toMatchObject({
    outsideSince: null,
  });
});
