import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeKeys, openTokenMaker, settingsFor, type TokenMaker } from '../../keys/keys.ts';
import { HURRY } from '../../simulator/demo/stage.ts';
import { neighbourNames } from '../../simulator/neighbours/neighbours.ts';
import { lies } from '../../simulator/neighbours/switches.ts';
import { faultKinds } from '../../simulator/regulator/faults.ts';
import { openSimulator, type Simulator } from '../../simulator/simulator.ts';
import { type Service, startService, untilReady } from '../../simulator/stage/service.ts';
import { ANN, BOB, CANARY, populate, writeCrash } from '../support/canaries.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

/**
 * Values that are nowhere else, sent through every path of the service and through the failures of all its neighbours, of the regulator and of the
 * database. Whatever the process writes (log and standard error), shows (metrics) or answers as an error is searched for them.
 */
const PATIENCE = { timeout: 120_000 };

let keys: string;
let maker: TokenMaker;
let database: TestDatabase;
let simulator: Simulator;
let service: Service;
let admin: pg.Client;
const tokens: Record<string, string> = {};
const written: string[] = [];
const refusals: string[] = [];
const shown: string[] = [];

beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'deptrans-keys-'));
  await makeKeys(keys);
  maker = await openTokenMaker(keys);
  for (const name of ['driver-gateway', 'driver-status', 'candidates'])
    tokens[name] = await maker.token({ kind: 'service', name });
  tokens['engineer'] = await maker.token({ kind: 'engineer', name: 'ann@oncall' });
  database = await openTestDatabase();
  admin = new pg.Client(database.url);
  admin.on('error', () => {});
  await admin.connect();
  simulator = await openSimulator({
    port: 0,
    people: 10,
    rate: 1,
    seed: 1,
    weather: false,
    serviceUrl: null,
    brokers: null,
  });
  populate(simulator);
  service = await startService({
    databaseUrl: database.url,
    brokers: null,
    cityUrl: simulator.url,
    env: {
      ...HURRY,
      ...settingsFor(keys),
      LOG_LEVEL: 'debug',
      REGULATOR_PASSWORD: CANARY.password,
      JOURNAL_KEY: CANARY.journalKey,
      DEPTRANS_API_PERSON_ATTEMPTS: '1000',
      DEPTRANS_REGULATOR_DEADLINE_MS: '1000',
      DEPTRANS_CLIENTS_DEADLINE_MS: '1000',
      NODE_OPTIONS: `--import=${await writeCrash(keys)}`,
    },
    onLine: (line) => void written.push(line),
  });
  await untilReady(service.url);
});
afterAll(async () => {
  await service?.stop();
  await simulator?.close();
  await admin?.end();
  await database?.[Symbol.asyncDispose]();
  await rm(keys, { recursive: true, force: true });
});

test('nothing of a licence, an id, a person or a token is in any log, metric, error or crash', async () => {
  await everyPath();
  for (const kind of Object.keys(faultKinds) as (keyof typeof faultKinds)[]) {
    const body = JSON.stringify({
      error: { code: CANARY.echoed, message: `licence ${CANARY.licence} of ${CANARY.id}` },
    });
    simulator.regulator.faults.add({
      kind,
      count: 2,
      ms: 1_200,
      code: CANARY.echoed,
      word: CANARY.echoed,
      body,
      bytes: 100_000,
    });
    await setId(ANN, CANARY.otherId);
    simulator.regulator.faults.clear();
  }
  for (const name of neighbourNames) {
    const switches = simulator.neighbours.switches[name];
    for (const lie of lies) {
      switches.lie = lie;
      await setId(BOB, CANARY.id);
    }
    switches.lie = null;
    for (const mode of ['unavailable', 'refused'] as const) {
      await switches.availability.set(mode);
      await setId(BOB, CANARY.id);
    }
    await switches.availability.set('up');
  }
  await brokenDatabase();
  await readMetrics();

  expect(refusals.length).toBeGreaterThan(60);
  expect(written.some((line) => line.includes('call failed'))).toBe(true);
  service.process.kill('SIGUSR2');
  expect(await service.ended).toBe(1);
  await vi.waitFor(
    () => expect(written.some((line) => line.includes('an error that nobody handled'))).toBe(true),
    PATIENCE,
  );

  const secrets = [...Object.values(CANARY), ...Object.values(tokens).flatMap((token) => token.split('.').slice(1))];
  const { rows } = await admin.query<{ token: string }>('select token from deptrans.regulator_tokens');
  secrets.push(...rows.map(({ token }) => token));
  expect(secrets.length).toBeGreaterThan(15);
  for (const [sink, texts] of Object.entries({ written, refusals, shown })) {
    const leaks = texts.filter((text) => secrets.some((secret) => text.includes(secret)));
    expect(leaks, sink).toEqual([]);
  }
}, 300_000);

/** Each kind of call with values of people in it, right and wrong. */
async function everyPath(): Promise<void> {
  await vi.waitFor(async () => expect(await setId(ANN, CANARY.id)).toBe(200), PATIENCE);
  await setId(ANN, CANARY.otherId); // a mismatch
  await setId(ANN, `x${CANARY.id}`);
  await getId(ANN);
  await rpc('StatusIngestService/ReportStatuses', 'driver-status', {
    events: [
      { ...ANN, status: 'CONTRACTOR_STATUS_ONLINE', eventAt: new Date().toISOString() },
      { parkId: CANARY.licence },
    ],
  });
  await vi.waitFor(async () => {
    const sent = await admin.query('select from deptrans.session_statuses');
    expect(sent.rowCount).toBeGreaterThan(0);
  }, PATIENCE);
  await rpc('OperationsService/Explain', 'engineer', { driver: ANN });
  await rpc('DiagnosticsService/CheckDriver', 'candidates', { ...ANN, region: CANARY.licence });
  await rpc('IncrementalUpdatesService/ListIdUpdates', 'candidates', { cursor: CANARY.badToken });
  await rpc('DiagnosticsService/CheckDriver', 'candidates', `{"park_id": ${CANARY.id}`);
  await rpc('DiagnosticsService/CheckDriver', 'candidates', { parkId: [CANARY.person] });
  await ask(`/internal/v1/id/updates?limit=${CANARY.id}&cursor=${CANARY.echoed}`, {
    headers: bearing(tokens['candidates']!),
  });
  await ask(`/${CANARY.id}/${CANARY.person}`, {});
  for (const authorization of [
    `Bearer ${CANARY.badToken}`,
    `Basic ${CANARY.licence}`,
    `Bearer ${tokens['candidates']}x`,
  ])
    await ask('/driver/v1/deptrans-status/v1/id', { headers: { authorization } });
  await ask('/driver/v1/deptrans-status/v1/id', {
    headers: { 'x-yataxi-park-id': CANARY.person, 'x-yataxi-driver-profile-id': CANARY.id },
  });
  await ask('/driver/v1/deptrans-status/v1/id', {
    headers: { traceparent: `00-${CANARY.id}-${CANARY.person}-01`, ...bearing(tokens['driver-gateway']!) },
  });
  await readMetrics();
}

/** Errors of the database quote rows; connections die in the middle. */
async function brokenDatabase(): Promise<void> {
  for (const [break_, mend] of [
    [
      'alter table deptrans.profiles add constraint canary check (deptrans_id is null) not valid',
      'alter table deptrans.profiles drop constraint canary',
    ],
    [
      'alter table deptrans.driver_states add constraint canary check (false) not valid',
      'alter table deptrans.driver_states drop constraint canary',
    ],
    ['alter table deptrans.id_attempts rename to away', 'alter table deptrans.away rename to id_attempts'],
    ['alter table deptrans.audit rename to away', 'alter table deptrans.away rename to audit'],
  ] as const) {
    await admin.query(break_);
    await setId(BOB, CANARY.id);
    await setId(ANN, CANARY.otherId);
    await rpc('OperationsService/Status', 'engineer', {});
    const eventAt = new Date().toISOString();
    await rpc('StatusIngestService/ReportStatuses', 'driver-status', {
      events: [{ parkId: CANARY.person, driverId: CANARY.licence, status: 'CONTRACTOR_STATUS_ONLINE', eventAt }],
    });
    await admin.query(mend);
  }
  const calls = Array.from({ length: 20 }, (_, i) => (i % 2 ? setId(ANN, CANARY.otherId) : setId(BOB, CANARY.otherId)));
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`);
  await Promise.all(calls);
}

function bearing(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Asks, and keeps what was refused. */
async function ask(path: string, init: RequestInit): Promise<number> {
  const answer = await fetch(service.url + path, init);
  const body = await answer.text();
  if (!answer.ok) refusals.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${body}`);
  return answer.status;
}

const driverHeaders = ({ parkId, driverId }: typeof ANN) => ({
  ...bearing(tokens['driver-gateway']!),
  'x-yataxi-park-id': parkId,
  'x-yataxi-driver-profile-id': driverId,
  'content-type': 'application/json',
});

function setId(driver: typeof ANN, id: string): Promise<number> {
  const body = JSON.stringify({ deptrans_id: id });
  return ask('/driver/v1/deptrans-status/v1/id', { method: 'POST', headers: driverHeaders(driver), body });
}

/** The driver's own id is masked for him too. */
async function getId(driver: typeof ANN): Promise<void> {
  const answer = await fetch(`${service.url}/driver/v1/deptrans-status/v1/id`, { headers: driverHeaders(driver) });
  shown.push(await answer.text());
}

function rpc(method: string, caller: string, body: object | string): Promise<number> {
  return ask(`/deptrans.v1.${method}`, {
    method: 'POST',
    headers: { ...bearing(tokens[caller]!), 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function readMetrics(): Promise<void> {
  shown.push(await (await fetch(service.metricsUrl)).text());
}
