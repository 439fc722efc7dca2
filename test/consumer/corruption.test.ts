import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Copy } from '../../consumer/copy.ts';
import { rowOf } from '../../consumer/key-index.ts';
import { MemoryCache } from '../../consumer/memory-cache.ts';
import { settingsOf } from '../../consumer/options.ts';
import { Policies } from '../../consumer/policies.ts';
import { checksumOf, F64, I32, ROW_BYTES, U8 } from '../../consumer/rows.ts';
import { Upkeep } from '../../consumer/upkeep.ts';
import { DriverIdRecordSchema } from '../../gen/deptrans/v1/records_pb.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi } from '../support/feed/api.ts';
import { addPeople, setBindings, setSessions } from '../support/feed/world.ts';
import { expectExact, untilBeats, untilMetric } from './support.ts';

let database: TestDatabase;
let api: FeedApi;
let copy: Copy;
let cache: MemoryCache;

beforeAll(async () => {
  database = await openTestDatabase();
  const people = await addPeople(database.db, 300);
  await setSessions(database.db, people.slice(0, 200));
  await setBindings(database.db, people.slice(100));
  api = await openFeedApi(database.db);
});
afterAll(async () => {
  await cache?.close();
  await api?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await cache?.close();
  const settings = settingsOf({ endpoints: [api.url] });
  copy = new Copy();
  const policies = new Policies();
  cache = new MemoryCache({ copy, policies, settings, upkeep: new Upkeep(settings, {}, copy, policies) });
  cache.start();
  await expectExact(cache, database.db);
});

/** Row 77 has an id and a session; all rows are in the first chunk. */
const ROW = 77;
const chunk = () => copy.rows.chunk(ROW);
const bytesAt = (offset: number) => ROW * ROW_BYTES + offset;
const seal = () => {
  chunk().i32[ROW * (ROW_BYTES / 4) + I32.checksum] = checksumOf(chunk(), ROW);
};
const flip = (words: Uint8Array | Int32Array, at: number, bits: number) => {
  words[at]! ^= bits;
};
const entry = () => copy.index.search(ROW);

const damages: Record<string, () => void> = {
  'a letter of the token': () => flip(chunk().bytes, bytesAt(U8.text + 70), 2),
  'a letter of the key': () => flip(chunk().bytes, bytesAt(U8.text + 3), 1),
  'the length of a text': () => flip(chunk().bytes, bytesAt(U8.person), 64),
  'the flags': () => flip(chunk().bytes, bytesAt(U8.flags), 16),
  'the status of the shift': () => flip(chunk().bytes, bytesAt(U8.status), 1),
  'the end of the shift': () => {
    chunk().f64[ROW * (ROW_BYTES / 8) + F64.ended]! -= 1_000_000;
  },
  'the hash of the key': () => flip(chunk().i32, ROW * (ROW_BYTES / 4) + I32.lo, 1),
  'the bucket': () => flip(chunk().buckets, ROW, 5),
  'the entry: hash': () => flip(copy.index.table, entry(), 1 << 20),
  'the entry: end': () => flip(copy.index.table, entry() + 2, 1),
  'the entry: verdict': () => flip(copy.index.table, entry() + 3, 1 << 28),
  'the entry: region': () => flip(copy.index.table, entry() + 4, 1 << 16),
  'the entry: share': () => flip(copy.index.table, entry() + 4, 77),
  'the entry: row': () => flip(copy.index.table, entry() + 3, 1),
  'the entry: row that is not': () => flip(copy.index.table, entry() + 3, 1 << 22),
  'the entry, lost': () => void copy.index.table.fill(0, entry(), entry() + 5),
  'the seq, checksum and all': () => {
    chunk().f64[ROW * (ROW_BYTES / 8) + F64.idSeq]! -= 1;
    seal();
  },
  'a record that was lost': () => copy.drop('statuses', ROW),
  'a row that was lost without a trace': () => {
    copy.index.remove(entry());
    copy.rows.give(ROW);
  },
  'a record that nobody knows': () => {
    const ghost = create(DriverIdRecordSchema, { parkId: 'park', driverId: 'ghost', seq: 1n });
    const bytes = toBinary(DriverIdRecordSchema, ghost);
    copy.put('ids', bytes, 0, bytes.length);
  },
};

test.each(Object.entries(damages))('%s: found within two heartbeats, and mended by its bucket', async (_, damage) => {
  expect(rowOf(copy.index.table[entry() + 3]!)).toBe(ROW);
  damage();
  await untilBeats(cache, 3); // one may have been on its way
  const { ids_mismatches_total, statuses_mismatches_total } = cache.metrics();
  expect(ids_mismatches_total! + statuses_mismatches_total!).toBeGreaterThanOrEqual(1);
  await expectExact(cache, database.db);
  await untilMetric(cache, 'ids_mended_total', ids_mismatches_total!);
  await untilMetric(cache, 'statuses_mended_total', statuses_mismatches_total!);
  expect(cache.metrics()).toMatchObject({
    ids_snapshots_total: 1,
    statuses_snapshots_total: 1,
    ids_connects_total: 1,
    mending_failures_total: 0,
  });
});

test('damage everywhere is mended by a snapshot', async () => {
  for (let row = 1; row < copy.rows.end; row++) chunk().bytes[row * ROW_BYTES + U8.text]! ^= 1;
  await untilMetric(cache, 'ids_snapshots_total', 2);
  await expectExact(cache, database.db);
  expect(cache.metrics()['damaged_rows_total']).toBe(300);
});

test('a copy that stumbles over its own damage looks for it, and goes on', async () => {
  chunk().bytes[bytesAt(U8.flags)]! ^= 16; // says that its texts are elsewhere
  await setSessions(database.db, [ROW, ROW - 1, ROW + 1], { region: 'tver', status: 'unrecognised', raw: 'НЕЧТО' });
  await expectExact(cache, database.db);
});
