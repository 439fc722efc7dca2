import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { type NeighbourServers, openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { type Mirror, openMirror } from '../../src/mirror/mirror.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction } from '../../src/store/database.ts';
import { wake } from '../../src/store/wake.ts';
import { openTestIntake } from '../intake/support.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { bindPeople, openClients, openSteps, readMirror } from './support.ts';

let database: TestDatabase;
let neighbours: NeighbourServers;
let clients: ReturnType<typeof openClients>;
const mirrors = new Set<Mirror>();
beforeEach(async () => {
  database = await openTestDatabase();
  neighbours = await openNeighbours();
  clients = openClients(neighbours);
});
afterEach(async () => {
  await Promise.all([...mirrors].map(close));
  await clients[Symbol.asyncDispose]();
  await neighbours.close();
  await database[Symbol.asyncDispose]();
});

function open(instance: string, metrics = openMetrics(systemClock)): Mirror {
  const mirror = openMirror({
    db: database.db,
    ...clients,
    limits: { pollMs: 20, pageLimit: 3, maxAgeMs: 86_400_000, leaseMs: 60_000 },
    instance,
    lifetime: openLifetime(),
    clock: systemClock,
    log: openLog('silent'),
    metrics,
  });
  mirrors.add(mirror);
  return mirror;
}

async function close(mirror: Mirror): Promise<void> {
  mirrors.delete(mirror);
  await mirror[Symbol.asyncDispose]();
}

const patience = { timeout: 60_000, interval: 20 };
const untilReady = (mirror: Mirror) => vi.waitFor(() => expect(mirror.ready()).toBeNull(), patience);
const setBoth = async (mode: 'up' | 'unavailable' | 'refused') => {
  for (const name of ['driver-profiles', 'driver-categories'] as const) {
    await neighbours.switches[name].availability.set(mode);
  }
};

test('the very first start without neighbours is not ready and says why; with them it becomes so', async () => {
  await setBoth('unavailable');
  const mirror = open('a');
  await vi.waitFor(() => expect(mirror.ready()).toBe('The first load of driver-profiles has not ended.'), patience);
  for (let i = 0; i < 10; i++) neighbours.data.putProfile({ parkId: 'p', driverId: `d${i}` }, `x${i}`);
  await setBoth('up');
  await untilReady(mirror);
  expect((await readMirror(database.db)).rows).toHaveLength(10);
});

test('a restart needs no neighbour, unless the copy is too old', async () => {
  const first = open('a');
  await untilReady(first);
  await close(first);
  await setBoth('refused');
  const second = open('b');
  await untilReady(second);
  await close(second);
  await database.advance(25 * 3600_000);
  const third = open('c');
  await vi.waitFor(() => expect(third.ready()).toBe('The copy of driver-profiles is 25 hours old.'), patience);
  await setBoth('up');
  await untilReady(third);
});

test('growing older while it runs stops nothing, and shows in the gauge', async () => {
  const metrics = openMetrics(systemClock);
  const mirror = open('a', metrics);
  await untilReady(mirror);
  await setBoth('refused');
  await database.advance(30 * 3600_000);
  const age = async () => {
    const found = /deptrans_mirror_age_seconds\{stream="profiles"\} (\d+)/.exec(await metrics.registry.metrics());
    expect(Number(found?.[1])).toBeGreaterThan(100_000);
  };
  await vi.waitFor(age, patience);
  expect(mirror.ready()).toBeNull();
});

test('of two instances one asks; the other is ready too, and takes over', async () => {
  const metrics = openMetrics(systemClock);
  const first = open('a');
  await untilReady(first);
  const second = open('b', metrics);
  await untilReady(second);
  expect(await metrics.registry.metrics()).not.toContain('what="page"');
  await close(first);
  neighbours.data.putProfile({ parkId: 'p', driverId: 'd' }, 'x');
  await vi.waitFor(async () => expect((await readMirror(database.db)).rows).toHaveLength(1), patience);
  expect(await metrics.registry.metrics()).toContain('stream="profiles",what="page"');
});

test('moves, events and wakes at the same time: no deadlock, and every row of the queue is looked at again', async () => {
  const { db } = database;
  const people = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`x${i}`, String(i)]));
  await bindPeople(db, people);
  const profiles = Array.from({ length: 40 }, (_, i) => ({ parkId: 'p', driverId: `d${i}` }));
  for (const [i, one] of profiles.entries()) neighbours.data.putProfile(one, `x${i % 10}`);
  const steps = openSteps(db, clients);
  await steps.all();
  await using intake = openTestIntake(db);
  const rounds = 15;
  const now = Date.now() - 60_000;
  const move = async () => {
    for (let round = 1; round <= rounds; round++) {
      for (const [i, one] of profiles.entries()) {
        neighbours.data.putProfile(one, `x${(i + round) % 10}`);
        neighbours.data.putCategories(one, [`t${round}`]);
      }
      await steps.all(25);
    }
  };
  const report = async () => {
    for (let round = 1; round <= rounds; round++) {
      const status = round % 2 ? ContractorStatus.ONLINE : ContractorStatus.OFFLINE;
      const events = profiles
        .toReversed()
        .map((one) =>
          create(ContractorStatusEventSchema, { ...one, status, eventAt: timestampFromMs(now + round * 1000) }),
        );
      await intake.takeEvents(events, new AbortController().signal);
    }
  };
  const shake = async () => {
    const ids = Object.values(people).toReversed();
    for (let round = 0; round < rounds * 4; round++) await inTransaction(db, (tx) => wake(tx, ids));
  };
  await Promise.all([move(), report(), shake()]);
  const { rows, queue } = await readMirror(db);
  expect(rows.map((row) => row['person'])).toEqual(
    rows.map((row) => `x${(Number(String(row['profile']).slice(3)) + rounds) % 10}`),
  );
  expect(queue.every((row) => row['due'])).toBe(true);
  const { rows: chain } = await sql<{ broken: number }>`select count(*)::int as broken from
    (select prev, lag(seq, 1, 0::bigint) over (order by seq) as before from deptrans.feed_log) l where prev <> before`.execute(
    db,
  );
  expect(chain).toEqual([{ broken: 0 }]);
});
