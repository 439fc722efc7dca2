import { toJsonString } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  type Exchange,
  Exchange_Kind,
  ExportExchangesResponseSchema,
  ListDifferencesResponseSchema,
  ListParkedResponseSchema,
} from '../../gen/deptrans/v1/operations_pb.ts';
import { RejectedEvent_Reason } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { readBalance } from '../../src/store/balance.ts';
import { batchOf } from '../intake/support.ts';
import { INSIDE } from '../support/delivery-world.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { openOperationsWorld } from '../support/operations-world.ts';

type World = Awaited<ReturnType<typeof openOperationsWorld>>;

const IDS = ['9901123456', '9901123457', '9901123458'];

/** Three people whom the regulator has blocked, and who were reported in vain. */
async function openBlocked(): Promise<World> {
  const world = await openOperationsWorld();
  for (const [i, id] of IDS.entries()) {
    await world.person(`token-${i}`, `p/${i}`);
    await world.bind(`token-${i}`, id);
    world.regulator.registry.block(id, Number.POSITIVE_INFINITY);
    world.place(`p/${i}`, INSIDE);
    await world.event(`p/${i}`, 'online');
  }
  await world.delivery.runOnce();
  return world;
}

test('parked accounts are listed page by page, without their ids and tokens', async () => {
  await using world = await openBlocked();
  const first = await world.ops.listParked({ pageSize: 2 });
  const second = await world.ops.listParked({ pageSize: 2, pageToken: first.nextPageToken });
  expect([first.accounts.length, second.accounts.length, second.nextPageToken]).toEqual([2, 1, '']);
  const all = [...first.accounts, ...second.accounts];
  expect(all.map(({ drivers }) => drivers.map(({ parkId, driverId }) => `${parkId}/${driverId}`))).toEqual(
    IDS.map((_, i) => [`p/${i}`]),
  );
  expect(all[0]).toMatchObject({ deptransId: '***56', reason: 'driver_blocked', refusals: 1 });
  expect(timestampDate(all[0]!.parkedUntil!).getTime()).toBeGreaterThan(Date.now() + 800_000);
  const text = toJsonString(ListParkedResponseSchema, first) + Buffer.from(first.nextPageToken, 'base64url').toString();
  for (const secret of [...IDS, 'token-']) expect(text).not.toContain(secret);
  expect((await world.ops.listParked({ reason: 'driver_unknown' })).accounts).toEqual([]);
  expect((await world.ops.status({})).parkedAccounts).toMatchObject([{ reason: 'driver_blocked', count: 3n }]);
});

test('waking a driver, or all who are parked for a reason, reports them once more', async () => {
  await using world = await openBlocked();
  for (const id of IDS) world.regulator.registry.block(id, 0);
  await world.delivery.runOnce();
  expect(IDS.map(world.isOpen)).toEqual([false, false, false]);

  const one = await world.ops.wake({ which: { case: 'driver', value: { parkId: 'p', driverId: '0' } } });
  expect(one).toMatchObject({ woken: 1, busy: 0 });
  await world.delivery.runOnce();
  expect(IDS.map(world.isOpen)).toEqual([true, false, false]);

  await sql`update deptrans.reports set lease_token = 1, due_at = deptrans.now() + interval '1 minute'
    where deptrans_id = ${IDS[2]!}`.execute(world.db);
  const parkedReason = (value: string) => world.ops.wake({ which: { case: 'parkedReason', value } });
  expect(await parkedReason('refused')).toMatchObject({ woken: 0, busy: 0 });
  expect(await parkedReason('driver_blocked')).toMatchObject({ woken: 1, busy: 1 });
  await world.delivery.runOnce();
  expect(IDS.map(world.isOpen)).toEqual([true, true, false]);
  const nobody = await world.ops.wake({ which: { case: 'driver', value: { parkId: 'p', driverId: 'x' } } });
  expect(nobody).toMatchObject({ woken: 0, busy: 0 });
});

test('what is in quarantine is listed newest first, and what can be taken later leaves it', async () => {
  await using world = await openOperationsWorld();
  await world.intake.takeBatch(batchOf(0, [Buffer.from('{'), 'p/1 online 7200', 'p/2 dancing 1', 'p/3 online 1']));
  const list = await world.ops.listQuarantine({ pageSize: 2 });
  const rest = await world.ops.listQuarantine({ pageSize: 2, pageToken: list.nextPageToken });
  const events = [...list.events, ...rest.events];
  expect(events.map(({ reason, topic, offset }) => [reason, topic, offset])).toEqual([
    [RejectedEvent_Reason.BAD_STATUS, 't', 2n],
    [RejectedEvent_Reason.TIME_IN_FUTURE, 't', 1n],
    [RejectedEvent_Reason.UNREADABLE, 't', 0n],
  ]);
  expect(events[1]!.keptBytes).toBeGreaterThan(50);
  const ids = events.map(({ id }) => id);

  expect((await world.ops.replay({ ids })).refused.map(({ reason }) => reason)).toEqual([
    RejectedEvent_Reason.UNREADABLE,
    RejectedEvent_Reason.TIME_IN_FUTURE,
    RejectedEvent_Reason.BAD_STATUS,
  ]);
  await world.advance(2 * 3_600_000);
  const replayed = await world.ops.replay({ ids: [...ids, 999n, 999n] });
  expect(replayed).toMatchObject({ accepted: 1, duplicate: 0, outdated: 0, missing: 1 });
  expect(replayed.refused.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
  expect((await world.ops.listQuarantine({})).events.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
  const states = await world.db.selectFrom('deptrans.driver_states').select('driver_id').orderBy('driver_id').execute();
  expect(states.map((row) => row.driver_id)).toEqual(['1', '3']);
  expect((await readBalance(world.db)).difference).toBe(0);
  expect(await world.ops.replay({ ids: [ids[1]!] })).toMatchObject({ accepted: 0, missing: 1 });
});

test('readings that found something else than we believed are listed newest first, page by page', async () => {
  await using world = await openOperationsWorld();
  for (const [i, id] of IDS.entries()) {
    await world.person(`token-${i}`, `p/${i}`);
    await world.bind(`token-${i}`, id);
    world.place(`p/${i}`, INSIDE);
    await world.event(`p/${i}`, 'online');
  }
  await world.delivery.runOnce();
  for (const id of IDS.slice(1)) {
    await sql`update deptrans.reports set believed = false, verify_at = deptrans.now(), due_at = deptrans.now() where deptrans_id = ${id}`.execute(
      world.db,
    );
    await world.delivery.runOnce();
  }
  const first = await world.ops.listDifferences({ pageSize: 1 });
  const second = await world.ops.listDifferences({ pageSize: 1, pageToken: first.nextPageToken });
  const last = await world.ops.listDifferences({ pageSize: 1, pageToken: second.nextPageToken });
  expect([...first.differences, ...second.differences]).toMatchObject([
    {
      connected: true,
      sessionStatus: expect.stringMatching(/issued|online/),
      drivers: [{ parkId: 'p', driverId: '2' }],
    },
    {
      connected: true,
      sessionStatus: expect.stringMatching(/issued|online/),
      drivers: [{ parkId: 'p', driverId: '1' }],
    },
  ]);
  expect(last).toMatchObject({ differences: [], nextPageToken: '' });
  expect(first.differences[0]!.accountMark).toMatch(/^[0-9a-f]{8}$/);
  const text = toJsonString(ListDifferencesResponseSchema, first);
  for (const secret of [...IDS, 'token-']) expect(text).not.toContain(secret);
});

test('what happened with a person is exported in order, over all profiles, within the time asked for', async () => {
  await using world = await openOperationsWorld();
  await world.person('token-of-ann', 'p/1');
  await world.person('token-of-ann', 'p/2');
  await world.bind('token-of-ann', IDS[0]!);
  world.place('p/1', INSIDE);
  await world.event('p/1', 'online');
  await world.delivery.runOnce();
  await sql`insert into deptrans.journal (at, kind, park_id, driver_id, driver_license_pd_id, direction)
    select now() - interval '10 days', 'transition', 'p', '2', 'token-of-ann', 'connected' from generate_series(1, 1100)`.execute(
    world.db,
  );
  const until = timestampFromDate(new Date(Date.now() + 60_000));
  const exported = async (days: number) => {
    const from = timestampFromDate(new Date(Date.now() - days * 86_400_000));
    const pages = await Array.fromAsync(
      world.ops.exportExchanges({ driver: { parkId: 'p', driverId: '2' }, from, to: until }),
    );
    const text = pages.map((page) => toJsonString(ExportExchangesResponseSchema, page)).join();
    for (const secret of [IDS[0]!, 'token-of-ann']) expect(text).not.toContain(secret);
    return {
      sizes: pages.map((page) => page.exchanges.length),
      exchanges: pages.flatMap((page): Exchange[] => page.exchanges),
    };
  };

  const recent = await exported(1);
  expect(recent.exchanges.map(({ kind, direction, outcome }) => [kind, direction, outcome])).toEqual([
    [Exchange_Kind.INTENT, 'connected', ''],
    [Exchange_Kind.OUTCOME, 'connected', 'accepted'],
  ]);
  const [intent, outcome] = recent.exchanges;
  expect(outcome).toMatchObject({ region: 'moscow', sessionStatus: 'issued' });
  expect(outcome!.accountMark).toMatch(/^[0-9a-f]{8}$/);
  expect(intent!.accountMark).toBe(outcome!.accountMark);
  expect(timestampDate(outcome!.answeredAt!).getTime()).toBeGreaterThanOrEqual(
    timestampDate(outcome!.sentAt!).getTime(),
  );

  const whole = await exported(11);
  expect(whole.sizes).toEqual([500, 500, 102]);
  expect(whole.exchanges.filter(({ kind }) => kind === Exchange_Kind.TRANSITION)).toHaveLength(1_100);
  expect(whole.exchanges.at(-1)?.kind).toBe(Exchange_Kind.OUTCOME);
  const stranger = {
    driver: { parkId: 'p', driverId: 'x' },
    from: timestampFromDate(new Date(0)),
    to: { seconds: 1n },
  };
  expect(await refusalOf(Array.fromAsync(world.ops.exportExchanges(stranger)))).toBe('NotFound PROFILE_UNKNOWN');
});
