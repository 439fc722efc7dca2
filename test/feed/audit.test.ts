import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { openAudit } from '../../src/feed/audit.ts';
import { openChangeTail } from '../../src/feed/change-tail.ts';
import { differences } from '../../src/feed/compare.ts';
import { loadCopy } from '../../src/feed/load.ts';
import type { Slab } from '../../src/feed/slab.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import type { Db } from '../../src/store/database.ts';
import { readStretch } from '../../src/store/feed-audit.ts';
import { openTestDatabase } from '../support/database.ts';
import { Consumer } from '../support/feed/consumer.ts';
import { follow } from '../support/feed/follow.ts';
import { openTestFeed, PATIENCE } from '../support/feed/open-test-feed.ts';
import { plainRecords } from '../support/feed/plain-records.ts';
import { addPeople, moveProfiles, readRecords, setBindings, setSessions } from '../support/feed/world.ts';

/** The memory of all images made here, to be damaged. */
const slabs = vi.hoisted(() => [] as Slab[]);
vi.mock('../../src/feed/slab.ts', async (importOriginal) => {
  const { openSlab } = await importOriginal<typeof import('../../src/feed/slab.ts')>();
  return {
    openSlab: (slotBytes: number) => {
      const slab = openSlab(slotBytes);
      slabs.push(slab);
      return slab;
    },
  };
});

const PROFILE = 96;
const PERSON = 112;

/** Flips a bit of a byte in a slot of the newest image. */
function flip(slotBytes: number, no: number, offset: number): void {
  const slab = slabs.findLast((one) => one.slotBytes === slotBytes)!;
  const { bytes } = slab.writable(no);
  bytes[slab.at(no) + offset]! ^= 1;
}

const NONE = { profiles: [], bindings: [], sessions: [] };

/** Two people with two profiles each, with sessions and ids; some that are gone or empty beside them. */
async function populate(db: Db): Promise<number[]> {
  const people = await addPeople(db, 6, 2);
  await setSessions(db, people.slice(0, 5));
  await setBindings(db, people.slice(0, 4));
  await setSessions(db, [people[2]!], { deleted: true });
  await setSessions(db, [people[3]!], { status: 'unrecognised', raw: 'ПАУЗА', endsInMs: null, region: null });
  await setBindings(db, [people[3]!], 'unbound');
  await moveProfiles(db, people[4]!, null, true);
  return people;
}

test('a copy is as the database says, and any flipped bit of what it holds is found', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [person] = await populate(db);
  const copy = await loadCopy(db);
  const stretch = await readStretch(db, 0, 50);
  expect([stretch.profiles.length, stretch.bindings.length, stretch.sessions.length]).toEqual([12, 4, 5]);
  expect(differences(copy, stretch)).toEqual(NONE);
  const found = (what: keyof typeof NONE) => differences(copy, stretch)[what].length > 0;
  const profile = copy.image.people.firstProfile(person!);
  const key = `park-${person! % 10}driver-${person!}-1`.length + 4;

  const missed: string[] = [];
  const tryAll = (slotBytes: number, no: number, from: number, to: number, what: keyof typeof NONE) => {
    for (let offset = from; offset < to; offset++) {
      flip(slotBytes, no, offset);
      if (!found(what)) missed.push(`${what} ${offset}`);
      flip(slotBytes, no, offset);
    }
  };
  tryAll(PROFILE, profile, 0, 26 + key, 'profiles'); // all of it, to the end of the key
  tryAll(PERSON, person!, 0, 24, 'sessions');
  tryAll(PERSON, person!, 24, 40, 'bindings');
  tryAll(PERSON, person!, 40, 44, 'profiles');
  tryAll(PERSON, person!, 44, 50, 'sessions');
  tryAll(PERSON, person!, 50, 53 + 6, 'bindings'); // to the end of the id of six digits
  tryAll(PERSON, person!, 72, 80, 'sessions'); // where the token is, which is too long for a slot
  expect(missed).toEqual([]);
  expect(differences(copy, stretch)).toEqual(NONE);
});

test('a row that is newer on one side is no difference, an old or a lost one is', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const [a, b] = await populate(db);
  const copy = await loadCopy(db);
  const before = await readStretch(db, 0, 50);
  await setSessions(db, [a!], { region: 'tver' });
  expect(differences(copy, await readStretch(db, 0, 50)), 'the copy has yet to hear of it').toEqual(NONE);
  const newer = await loadCopy(db);
  expect(differences(newer, before), 'the stretch was read before').toEqual(NONE);

  copy.head = newer.head; // as if the commit had been passed over
  expect(differences(copy, await readStretch(db, 0, 50))).toEqual({ ...NONE, sessions: [a] });
  await sql`delete from deptrans.session_statuses where person_no = ${b}`.execute(db);
  expect(differences(newer, await readStretch(db, 0, 50))).toEqual({ ...NONE, sessions: [b] });
});

test('what was damaged is counted, told without names, and mended for those who were told it', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await populate(db);
  const lines: string[] = [];
  const log = openLog('debug', { write: (line) => void lines.push(line) });
  await using feed = await openTestFeed(db, { log, auditMs: 1, auditRows: 5 });
  const metric = async (name: string) => {
    const { values } = await feed.metrics.registry.getSingleMetric(`deptrans_feed_${name}`)!.get();
    return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join() || 'all', value]));
  };
  await vi.waitFor(async () => expect((await metric('audited_rows_total'))['all']).toBeGreaterThan(60), PATIENCE);
  expect(await metric('differences_total')).toEqual({});

  flip(PERSON, people[0]!, 49); // the session is gone, says the copy
  flip(PERSON, people[1]!, 16); // the session ends some microseconds later
  const wasTold = new Consumer({ checkDigests: false });
  await follow(feed, 'statuses', wasTold, () => wasTold.cases().includes('snapshotEnd'));
  const isMended = async () => {
    await follow(feed, 'statuses', wasTold, () => wasTold.cases().at(-1) === 'heartbeat');
    expect(plainRecords(wasTold.copy)).toEqual(await readRecords(db, 'statuses'));
    expect(await metric('reloads_total')).toEqual({ audit: 1 });
  };
  await vi.waitFor(isMended, PATIENCE);
  const fresh = new Consumer(); // with digests
  await follow(feed, 'statuses', fresh, () => fresh.cases().at(-1) === 'heartbeat');
  expect(plainRecords(fresh.copy)).toEqual(await readRecords(db, 'statuses'));

  const told = lines.filter((line) => line.includes('differs from the database'));
  expect(told).toHaveLength(1);
  expect(told[0]).not.toMatch(/person-|park-|driver-/);
  expect((await metric('differences_total'))['sessions']).toBeGreaterThan(0);
});

test('a sum of the digest that went astray makes the copy load anew, once', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await populate(db);
  const reloads: string[] = [];
  const log = openLog('silent');
  const changed = () => {};
  const tail = openChangeTail({ db, clock: systemClock, log, changed, reloaded: (reason) => reloads.push(reason) });
  await tail.poll();
  const found: string[] = [];
  const note = (what: string, count: number) => void found.push(`${what} ${count}`);
  const audit = openAudit({ db, tail, clock: systemClock, log, rows: 5, found: note, looked: () => {} });
  const all = async () => {
    for (let i = 0; i < 256; i++) await audit.runOnce(new AbortController().signal);
  };
  await all();
  expect(found).toEqual([]);
  tail.copy!.streams.ids.isSummed = (bucket) => bucket !== 200;
  await all();
  expect(found).toEqual(['profiles 0', 'bindings 0', 'sessions 0', 'digest 1']);
  await tail.poll();
  expect(reloads).toEqual(['audit']);
  expect(await tail.poll()).toBe('idle');
});
