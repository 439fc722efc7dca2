import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DriverCache, Verdict } from '../../consumer/driver-cache.ts';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi, REGIONS } from '../support/feed/api.ts';
import { addPeople, moveProfiles, setBindings, setSessions } from '../support/feed/world.ts';
import { inForceIn } from '../support/policy.ts';
import { expectExact, openTestCache } from './support.ts';

const run = promisify(execFile);

let folder: string;
let database: TestDatabase;
let api: FeedApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driver-cache-released-'));
  await cp(join(import.meta.dirname, 'released'), folder, { recursive: true });
  await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  database = await openTestDatabase();
  api = await openFeedApi(database.db);
}, 600_000);
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

type Told = { answers: Answer[]; metrics: Record<string, number> };
type Answer = { record: { parkId: string; driverId: string }; allowed: boolean; deptransId: unknown; session: unknown };

const inOrder = (answers: readonly Answer[]) =>
  answers.toSorted((a, b) => (JSON.stringify(a.record) < JSON.stringify(b.record) ? -1 : 1));

/** The released one knows no modes, and says nothing of a plain pass. */
function inItsWords({ outcome, reason }: Verdict) {
  return { outcome, reason: reason === 'ok' ? null : reason };
}

/** What the released library, and the present one, make of the service as it is now. */
async function both(present: DriverCache): Promise<{ released: Told; own: Answer[] }> {
  await expectExact(present, database.db);
  const metrics = present.metrics();
  const head = Math.max(metrics['ids_through_seq']!, metrics['statuses_through_seq']!);
  const { stdout } = await run(process.execPath, ['use.js', api.url, String(head)], { cwd: folder });
  const own = [...present].map((record) => {
    const order = { region: 'moscow', categories: ['econom'] };
    const { allowed, deptransId, session } = present.check(record, order);
    return { record, allowed, deptransId: inItsWords(deptransId), session: inItsWords(session) };
  });
  return { released: JSON.parse(stdout) as Told, own: JSON.parse(JSON.stringify(own)) as Answer[] };
}

test('the released library follows the present service: a snapshot, its own dump, what came since, the same answers', async () => {
  const { db } = database;
  const people = await addPeople(db, 200);
  await setBindings(db, people.slice(0, 150));
  await setSessions(db, people.slice(50));
  // The released one has rules of its own: whoever fails a check in Moscow is blocked.
  const rules = [Check.DEPTRANS_ID, Check.SESSION].map((check) => ({ check, mode: EnforcementMode.BLOCK }));
  const [moscow] = REGIONS;
  api.feed.setPolicy(inForceIn([moscow!], { policy: { regions: [{ region: 'moscow', rules }] } }).message);
  await using present = await openTestCache([api.url]);
  const first = await both(present);
  expect(first.own.length).toBe(200);
  expect(inOrder(first.released.answers)).toEqual(inOrder(first.own));
  expect(first.released.metrics).toMatchObject({ ids_snapshots_total: 1, statuses_snapshots_total: 1 });

  await setSessions(db, people.slice(0, 60), { status: 'unrecognised', raw: 'НЕЧТО', region: 'tver' });
  await setBindings(db, people.slice(100, 120), 'recheck');
  await moveProfiles(db, people[1]!, people[2]!);
  await moveProfiles(db, people[3]!, null);
  const second = await both(present);
  expect(second.own).not.toEqual(first.own);
  expect(inOrder(second.released.answers)).toEqual(inOrder(second.own));
  expect(second.released.metrics).toMatchObject({
    dump_loaded_profiles: 200,
    ...{ ids_snapshots_total: 0, ids_resets_total: 0, ids_violations_total: 0, ids_mismatches_total: 0 },
    ...{ statuses_snapshots_total: 0, statuses_violations_total: 0, statuses_mismatches_total: 0 },
  });
});
