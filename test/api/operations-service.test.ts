import { Code, ConnectError } from '@connectrpc/connect';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openTestDatabase } from '../support/database.ts';
import { INSIDE, square } from '../support/delivery-world.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { openOperationsApi, openOperationsWorld } from '../support/operations-world.ts';

const audited = async (db: Db) =>
  (
    await sql<{ caller: string; operation: string; request_id: string; detail: unknown }>`
      select caller, operation, request_id, detail from deptrans.audit order by id`.execute(db)
  ).rows;

const driver = { parkId: 'p', driverId: '1' };

test('every operation is on record with its caller before it is carried out, and in the log without its details', async () => {
  await using database = await openTestDatabase();
  await using api = await openOperationsApi(database.db);
  const { ops, lines } = api;
  const range = { from: { seconds: 1_700_000_000n }, to: { seconds: 1_700_000_100n } };
  const calls: [string, () => Promise<unknown>][] = [
    ['Status', () => ops.status({})],
    ['Explain', () => ops.explain({ driver })],
    ['ListParked', () => ops.listParked({ reason: 'refused' })],
    ['Wake', () => ops.wake({ which: { case: 'driver', value: driver } })],
    ['ListQuarantine', () => ops.listQuarantine({})],
    ['Replay', () => ops.replay({ ids: [5n] })],
    ['PauseDelivery', () => ops.pauseDelivery({ reason: 'a reason of mine' })],
    ['ResumeDelivery', () => ops.resumeDelivery({})],
    ['DrainRegion', () => ops.drainRegion({ region: 'nowhere' })],
    ['ListDifferences', () => ops.listDifferences({})],
    ['ExportExchanges', () => Array.fromAsync(ops.exportExchanges({ driver, ...range }))],
  ];
  expect(calls.map(([name]) => name)).toEqual(Object.values(OperationsService.method).map(({ name }) => name));
  for (const [, call] of calls) await call().catch((error: unknown) => ConnectError.from(error));

  const rows = await audited(database.db);
  expect(rows.map((row) => [row.caller, row.operation])).toEqual(calls.map(([name]) => ['ann@oncall', name]));
  expect(rows[1]!.detail).toEqual(driver);
  expect(rows[6]!.detail).toEqual({ reason: 'a reason of mine' });
  expect(rows[10]!.detail).toEqual({ ...driver, from: '2023-11-14T22:13:20.000Z', to: '2023-11-14T22:15:00.000Z' });
  const logged = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'operation');
  expect(logged.map(({ caller, operation, requestId }) => [caller, operation, requestId])).toEqual(
    rows.map((row) => [row.caller, row.operation, row.request_id]),
  );
  expect(lines.join()).not.toContain('a reason of mine');
});

test.each([
  ['no caller', {}],
  ['a caller that cannot be printed', { 'x-caller': 'ann bob' }],
  ['too long a caller', { 'x-caller': 'a'.repeat(65) }],
  ['a driver', { 'x-caller': 'ann', 'x-yataxi-driver-profile-id': 'd' }],
])('%s is refused, and nothing is done', async (_name, headers) => {
  await using database = await openTestDatabase();
  await using api = await openOperationsApi(database.db);
  const client = api.as(headers as Record<string, string>);
  expect(await refusalOf(client.pauseDelivery({ reason: 'r' }))).toBe('Unauthenticated CREDENTIALS_MISSING');
  await expect(client.pauseDelivery({ reason: 'r' })).rejects.toThrow('give a name in the header x-caller');
  const range = { from: { seconds: 1n }, to: { seconds: 2n } };
  expect(await refusalOf(Array.fromAsync(client.exportExchanges({ driver, ...range })))).toBe(
    'Unauthenticated CREDENTIALS_MISSING',
  );
  expect(await audited(database.db)).toEqual([]);
  expect((await api.ops.status({})).pause).toBeUndefined();
});

test('a request that does not fit is refused by field and not recorded', async () => {
  await using database = await openTestDatabase();
  await using api = await openOperationsApi(database.db);
  const { ops } = api;
  const seconds = (n: bigint) => ({ seconds: n });
  const exported = (range: Parameters<typeof ops.exportExchanges>[0]) => Array.fromAsync(ops.exportExchanges(range));
  const refused: [() => Promise<unknown>, string][] = [
    [() => ops.explain({}), 'REQUEST_MALFORMED'],
    [() => ops.explain({ driver: { parkId: 'p', driverId: 'x'.repeat(65) } }), 'REQUEST_MALFORMED'],
    [() => ops.explain({ driver: { parkId: 'p', driverId: 'a\u0000b' } }), 'REQUEST_MALFORMED'],
    [() => ops.listParked({ pageSize: 1_001 }), 'LIMIT_OUT_OF_RANGE'],
    [() => ops.listParked({ pageToken: 'nonsense' }), 'CURSOR_MALFORMED'],
    [
      () => ops.listQuarantine({ pageToken: Buffer.from('p99999999999999999').toString('base64url') }),
      'CURSOR_MALFORMED',
    ],
    [() => ops.wake({}), 'REQUEST_MALFORMED'],
    [() => ops.wake({ which: { case: 'parkedReason', value: '' } }), 'REQUEST_MALFORMED'],
    [() => ops.replay({ ids: [] }), 'LIMIT_OUT_OF_RANGE'],
    [() => ops.replay({ ids: Array.from({ length: 1_001 }, (_, i) => BigInt(i)) }), 'LIMIT_OUT_OF_RANGE'],
    [() => ops.replay({ ids: [-1n] }), 'REQUEST_MALFORMED'],
    [() => ops.replay({ ids: [2n ** 62n] }), 'REQUEST_MALFORMED'],
    [() => ops.pauseDelivery({}), 'REQUEST_MALFORMED'],
    [() => ops.pauseDelivery({ reason: 'line\nbreak' }), 'REQUEST_MALFORMED'],
    [() => ops.drainRegion({}), 'REQUEST_MALFORMED'],
    [() => exported({ driver }), 'REQUEST_MALFORMED'],
    [() => exported({ driver, from: seconds(2n), to: seconds(2n) }), 'REQUEST_MALFORMED'],
    [() => exported({ driver, from: seconds(0n), to: seconds(32n * 86_400n) }), 'LIMIT_OUT_OF_RANGE'],
    [() => exported({ driver, from: seconds(-(2n ** 62n)), to: seconds(2n ** 62n) }), 'REQUEST_MALFORMED'],
  ];
  for (const [call, reason] of refused) expect(await refusalOf(call())).toBe(`InvalidArgument ${reason}`);
  expect(await audited(database.db)).toEqual([]);
});

test('a database that is away is SERVICE_DEGRADED, and nothing is done that is not on record', async () => {
  await using database = await openTestDatabase();
  const timer = openMetrics(systemClock).timer('store');
  const log = openLog('silent');
  const limits = { maxConnections: 1, statementTimeoutMs: 60_000, connectTimeoutMs: 60_000 };
  await using away = openDatabase({
    ...limits,
    url: 'postgres://127.0.0.1:1/none',
    applicationName: 'away',
    log,
    timer,
  });
  await using api = await openOperationsApi(away.db);
  expect(await refusalOf(api.ops.status({}))).toBe('Unavailable SERVICE_DEGRADED');
  await sql`drop table deptrans.audit`.execute(database.db);
  await using unrecorded = await openOperationsApi(database.db);
  expect((await unrecorded.ops.pauseDelivery({ reason: 'r' }).catch(ConnectError.from)) as ConnectError).toMatchObject({
    code: Code.Internal,
  });
  expect(await sql`select 1 from deptrans.delivery_pause`.execute(database.db)).toMatchObject({ rows: [] });
});

test('a pause stops every instance from claiming, and what waits goes out when it ends', async () => {
  await using world = await openOperationsWorld();
  const other = world.open('two');
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  const { pause } = await world.ops.pauseDelivery({ reason: 'maintenance of theirs' });
  expect(pause).toMatchObject({ pausedBy: 'ann@oncall', reason: 'maintenance of theirs' });
  const again = await world.as({ 'x-caller': 'bob' }).pauseDelivery({ reason: 'another' });
  expect(again.pause).toEqual(pause);

  await world.event('p/1', 'online');
  await Promise.all([world.delivery.runOnce(), other.runOnce()]);
  expect(world.regulator.calls.all()).toEqual([]);
  const status = await world.ops.status({});
  expect(status).toMatchObject({ pause, balance: { pending: [{ reason: 'queued', count: 1n }] } });
  expect(await world.metrics.registry.getSingleMetricAsString('deptrans_delivery_paused')).toContain('paused 1');

  expect((await world.ops.resumeDelivery({})).ended).toEqual(pause);
  expect((await world.ops.resumeDelivery({})).ended).toBeUndefined();
  await Promise.all([world.delivery.runOnce(), other.runOnce()]);
  await other[Symbol.asyncDispose]();
  expect(world.isOpen('7')).toBe(true);
});

test('a region is drained by new rules, until the configuration is put in force again', async () => {
  await using world = await openOperationsWorld();
  await world.person('ann', 'p/1');
  await world.bind('ann', '7');
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  expect((await world.ops.status({})).regions).toMatchObject([{ region: 'moscow', on: true, openAccounts: 1n }]);

  const drained = await world.ops.drainRegion({ region: 'moscow' });
  expect(drained).toMatchObject({ rulesVersion: 2n, openAccounts: 1n });
  expect(drained.nextStep).toContain('configuration');
  expect(await world.ops.drainRegion({ region: 'moscow' })).toMatchObject({ rulesVersion: 2n });
  expect(await refusalOf(world.ops.drainRegion({ region: 'omsk' }))).toBe('InvalidArgument FILTER_UNKNOWN');

  await world.delivery.sweepOnce();
  await world.delivery.runOnce();
  expect(world.isOpen('7')).toBe(false);
  expect((await world.ops.status({})).regions).toMatchObject([{ region: 'moscow', on: false, openAccounts: 0n }]);
  expect(square.on).toBe(true);
});
