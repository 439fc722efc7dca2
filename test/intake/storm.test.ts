import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { readBalance } from '../../src/store/balance.ts';
import { openTestDatabase } from '../support/database.ts';
import { base, openTestIntake, readTables } from './support.ts';

const words = ['offline', 'online', 'busy'] as const;
const codes = { offline: ContractorStatus.OFFLINE, online: ContractorStatus.ONLINE, busy: ContractorStatus.BUSY };
type Sent = { driver: number; status: (typeof words)[number]; ms: number };

function randomFrom(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

/** The greatest event of each driver by (time, generation, offset); log n is of generation n, the push has no offsets. */
function newest(logs: readonly (readonly Sent[])[]): Map<number, string> {
  const best = new Map<number, [ms: number, generation: number, offset: number, status: string]>();
  for (const [generation, events] of logs.entries()) {
    for (const [offset, { driver, status, ms }] of events.entries()) {
      const key = [ms, generation, generation === 0 ? -1 : offset, status] as const;
      const known = best.get(driver);
      const diff = known ? key[0] - known[0] || key[1] - known[1] || key[2] - known[2] : 1;
      if (diff > 0) best.set(driver, [...key]);
    }
  }
  return new Map([...best].map(([driver, [, , , status]]) => [driver, status]));
}

test('repeated, overlapping, concurrent and pushed batches: every driver ends at the greatest event, every event counts once', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await using intake = openTestIntake(db);
  const random = randomFrom(20_261_123);
  const drivers = 300;
  const partitions = 4;
  // Log 0 is pushed, no two of it at one time. Times of the topic repeat and go backwards; a driver's events come through several partitions.
  const logs = Array.from({ length: partitions + 1 }, (_, log) =>
    Array.from({ length: 1_500 }, (_, i): Sent => {
      const ms = base + i * 100 + (log === 0 ? 0 : random(200) * 100);
      return { driver: random(drivers), status: words[random(3)]!, ms };
    }),
  );
  const value = ({ driver, status, ms }: Sent) =>
    Buffer.from(
      JSON.stringify({ park_id: 'p', driver_id: `d${driver}`, status, event_at: new Date(ms).toISOString() }),
    );

  const consume = async (log: number) => {
    const events = logs[log]!;
    for (let position = 0; position < events.length; ) {
      // What a member believes to be next lags behind the truth now and then: it brings old messages again.
      const from = Math.max(0, position - random(60));
      const next = Math.min(events.length, position + 1 + random(120));
      const messages = events.slice(from, next).map((event, i) => ({ offset: from + i, value: value(event) }));
      const batch = { topic: 't', partition: log, generation: log, topicId: `id${log}`, from, next, messages };
      const results = await Promise.all([intake.takeBatch(batch), random(4) === 0 ? intake.takeBatch(batch) : null]);
      expect(results[0]!.kind).toBe('taken');
      position = next;
    }
  };
  const push = async () => {
    for (let i = 0; i < logs[0]!.length; i += 100) {
      const events = logs[0]!.slice(i, i + 100).map(({ driver, status, ms }) =>
        create(ContractorStatusEventSchema, {
          parkId: 'p',
          driverId: `d${driver}`,
          status: codes[status],
          eventAt: timestampFromMs(ms),
        }),
      );
      await intake.takeEvents(events, new AbortController().signal);
    }
  };
  await Promise.all([push(), ...Array.from({ length: partitions }, (_, i) => consume(i + 1))]);

  const expected = newest(logs);
  const { states, offsets } = await readTables(db);
  const actual = new Map(states.map((row) => [Number(String(row['profile']).slice(3)), row['status']]));
  expect(actual).toEqual(expected);
  expect(offsets.map((row) => row['taken'])).toEqual([1500, 1500, 1500, 1500, 1500]);
  expect((await readBalance(db)).difference).toBe(0);
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from deptrans.journal j
    where kind = 'transition' group by park_id, driver_id
    having count(*) filter (where direction = 'connected') - count(*) filter (where direction = 'disconnected') not in (0, 1)`.execute(
    db,
  );
  expect(rows).toEqual([]);
});
