import { once } from 'node:events';
import net from 'node:net';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openToAll } from '../../src/auth/auth.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { onAbort } from '../../src/runtime/on-abort.ts';
import { inTransaction, openDatabase } from '../../src/store/database.ts';
import { lockMapping } from '../../src/store/locks.ts';
import { type DriverIdWorld, matches, openDriverIdWorld } from '../support/driver-id-world.ts';
import { openEdge } from '../support/edge.ts';
import { readBindings } from '../support/people.ts';

/** For calls that run out of time: enough for all that comes before what they wait for in vain, on a machine that stands still in between. */
const TIGHT_MS = 3_000;

let world: DriverIdWorld;
beforeEach(async () => {
  world = await openDriverIdWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** A regulator that never answers, and is cut off. */
const hangs: DriverIdWorld['regulator'] = (_, signal) =>
  new Promise((resolve) => onAbort(signal, () => resolve({ kind: 'unknown', reason: 'cut_off' })));

test('two people who bind one id at once: both are checked, the newest check has it', async () => {
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  world.regulator = async () => {
    if (world.checks.length === 2) resolve();
    await bothAsked;
    return matches(true);
  };

  const answers = await Promise.all([world.set('ann', '42'), world.set('bob', '42')]);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(world.checks).toHaveLength(3);
  const lastChecked = world.checks[2]!.endsWith('ann') ? 'ann' : 'bob';
  const { bindings } = await readBindings(world.db);
  expect(Object.values(bindings).filter(({ deptrans_id }) => deptrans_id === '42')).toMatchObject([
    { driver_license_pd_id: lastChecked },
  ]);
});

test('one person who binds two ids at once ends with the one checked last', async () => {
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  world.regulator = async () => {
    if (world.checks.length === 2) resolve();
    await bothAsked;
    return matches(true);
  };

  const answers = await Promise.all([world.set('ann', '1'), world.set('ann', '2')]);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const { bindings, accounts } = await readBindings(world.db);
  expect(bindings['ann']?.deptrans_id).toBe(world.checks[2]!.split(' ')[0]);
  expect(Object.keys(accounts)).toEqual(['1', '2']);
});

test('an id that changes hands during every check is a CONFLICT', async () => {
  world.regulator = async () => {
    await sql`insert into deptrans.reports (deptrans_id) values ('42') on conflict (deptrans_id)
      do update set bind_no = nextval('deptrans.change_no')`.execute(world.db);
    return matches(true);
  };
  expect(await world.set('ann', '42')).toMatchObject({ status: 409, reason: 'CONFLICT' });
  expect([world.checks.length, (await readBindings(world.db)).bindings]).toEqual([2, {}]);
});

test('the whole call keeps its deadline: a check that hangs is cut, and nothing is saved', async () => {
  await using quick = await world.open({ callTimeoutMs: TIGHT_MS });
  world.regulator = hangs;
  expect(await world.set('ann', '42', quick)).toMatchObject({ status: 503, reason: 'REGULATOR_UNAVAILABLE' });
  expect((await readBindings(world.db)).bindings).toEqual({});
});

test('a caller who waits for less is answered within that, with a reason', async () => {
  world.regulator = hangs;
  // Told to the service alone: the library, which looks at the header, would be another who may notice first that the time is over.
  const service = world.service();
  const setDriverId: typeof service.setDriverId = (request, context) =>
    service.setDriverId(request, { ...context, timeoutMs: () => TIGHT_MS });
  await using hurried = await openEdge({ driverId: { setDriverId } }, { auth: openToAll() });
  const started = performance.now();
  expect(await world.set('ann', '42', hurried)).toMatchObject({ status: 503, reason: 'REGULATOR_UNAVAILABLE' });
  expect(performance.now() - started).toBeLessThan(30_000); // half of what is the greatest time of any call here
  expect((await readBindings(world.db)).bindings).toEqual({});
});

test('who cannot get the mapping in time saves nothing', async () => {
  await using quick = await world.open({ callTimeoutMs: TIGHT_MS });
  await inTransaction(world.db, async (tx) => {
    await lockMapping(tx);
    expect(await world.set('ann', '42', quick)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
  });
  await inTransaction(world.db, lockMapping);
  expect((await readBindings(world.db)).bindings).toEqual({});
});

test('a database that is away, or takes connections and says nothing, is SERVICE_DEGRADED long before the database itself is given up', async () => {
  const unanswered: net.Socket[] = [];
  const mute = net.createServer((socket) => void unanswered.push(socket)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as net.AddressInfo;
  for (const url of ['postgres://127.0.0.1:1/none', `postgres://127.0.0.1:${port}/none`]) {
    await using away = openDatabase({
      url,
      maxConnections: 1,
      statementTimeoutMs: 60_000,
      connectTimeoutMs: 60_000,
      applicationName: 'away',
      log: openLog('silent'),
      timer: openMetrics(systemClock).timer('store'),
    });
    await using degraded = await world.open({ db: away.db, readTimeoutMs: 300 });
    const started = performance.now();
    expect(await world.get('ann', degraded)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
    expect(await world.set('ann', '42', degraded)).toMatchObject({ status: 503, reason: 'SERVICE_DEGRADED' });
    expect(performance.now() - started).toBeLessThan(30_000);
    for (const socket of unanswered) socket.destroy();
  }
  mute.close();
});
