import { sql } from 'kysely';
import { afterEach, beforeEach } from 'vitest';
import { type NeighbourServers, openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { openCategories } from '../../src/clients/categories.ts';
import { openHttp } from '../../src/clients/http.ts';
import { openProfiles } from '../../src/clients/profiles.ts';
import { categoriesStream } from '../../src/mirror/categories.ts';
import { profilesStream } from '../../src/mirror/profiles.ts';
import { openRevisions } from '../../src/mirror/revisions.ts';
import { type StreamKind, stepStream } from '../../src/mirror/stream.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { lead } from '../../src/store/leaders.ts';
import type { MirrorKey } from '../../src/store/mirror-rows.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

/** For each test a database, the neighbours, and a mirror that is led by hand. */
export function useMirror() {
  let database: TestDatabase;
  let neighbours: NeighbourServers;
  let clients: ReturnType<typeof openClients>;
  let steps: ReturnType<typeof openSteps>;
  beforeEach(async () => {
    database = await openTestDatabase();
    neighbours = await openNeighbours();
    clients = openClients(neighbours);
    steps = openSteps(database.db, clients);
  });
  afterEach(async () => {
    await clients[Symbol.asyncDispose]();
    await neighbours.close();
    await database[Symbol.asyncDispose]();
  });
  return {
    get db() {
      return database.db;
    },
    get neighbours() {
      return neighbours;
    },
    get clients() {
      return clients;
    },
    get steps() {
      return steps;
    },
  };
}

export const never = new AbortController().signal;

/** Both clients, against neighbours at these addresses. */
export function openClients(urls: { profilesUrl: string; categoriesUrl: string }) {
  const timer = openMetrics(systemClock).timer('clients');
  const http = (baseUrl: string) => openHttp({ baseUrl, deadlineMs: 30_000, timer });
  const [profilesHttp, categoriesHttp] = [http(urls.profilesUrl), http(urls.categoriesUrl)];
  return {
    profiles: openProfiles(profilesHttp),
    categories: openCategories(categoriesHttp),
    async [Symbol.asyncDispose]() {
      await profilesHttp[Symbol.asyncDispose]();
      await categoriesHttp[Symbol.asyncDispose]();
    },
  };
}

/** Steps of a mirror that leads, one by one. */
export function openSteps(db: Db, { profiles, categories }: Omit<ReturnType<typeof openClients>, symbol>) {
  const metrics = openMetrics(systemClock);
  const counted = metrics.counter('mirror_total', 'x', ['stream', 'what']);
  const past = { profiles: openRevisions(), categories: openRevisions() };
  const step = async <Row extends MirrorKey>(kind: StreamKind<Row>, pageLimit: number, holder: string) => {
    const term = (await lead(db, 'mirror', holder, 600_000))!;
    return stepStream({ db, pageLimit, leadership: 'mirror', counted, past: past[kind.name] }, kind, term, never);
  };
  const toEnd = async (one: () => Promise<'more' | 'idle'>) => {
    let steps = 1;
    while ((await one()) === 'more') steps += 1;
    return steps;
  };
  return {
    profiles: (pageLimit = 100) => step(profilesStream(profiles), pageLimit, 'me'),
    categories: (pageLimit = 100) => step(categoriesStream(categories), pageLimit, 'me'),
    /** Both streams until nothing is newer. Returns how many steps it took. */
    async all(pageLimit = 100) {
      const first = await toEnd(() => this.profiles(pageLimit));
      return [first, await toEnd(() => this.categories(pageLimit))];
    },
    async counted(stream: string, what: string): Promise<number> {
      const { values } = await counted.get();
      return values.find(({ labels }) => labels.stream === stream && labels.what === what)?.value ?? 0;
    },
    counter: counted,
  };
}

type Row = Record<string, unknown>;

export async function readMirror(db: Db) {
  const all = async (query: string) => (await sql.raw<Row>(query).execute(db)).rows;
  return {
    rows: await all(`select park_id || '/' || driver_id as profile, profile_no as no, d.driver_license_pd_id as person, p.person_no = d.person_no as numbered,
      deleted, categories, seq from deptrans.driver_persons d left join deptrans.persons p using (driver_license_pd_id) order by 1`),
    log: (await all('select profiles from deptrans.feed_log order by seq')).map((row) => row['profiles'] as number[]),
    accounts: await all('select deptrans_id as id, dirty from deptrans.reports order by 1'),
    queue: await all(
      `select park_id || '/' || driver_id as profile, due_at is not null as due from deptrans.status_queue order by 1`,
    ),
    journal: await all(`select park_id || '/' || driver_id as profile, driver_license_pd_id as person, outcome, reason
      from deptrans.journal order by 1, outcome desc`),
    streams: await all(
      'select stream, complete, reloading, confirmed_at is not null as confirmed from deptrans.mirror_streams order by 1',
    ),
  };
}

/** Binds people to accounts named like them, as if long ago: idle, nothing to do. */
export async function bindPeople(db: Db, people: Record<string, string>): Promise<void> {
  for (const [person, id] of Object.entries(people)) {
    await sql`insert into deptrans.persons (driver_license_pd_id) values (${person}) on conflict do nothing`.execute(
      db,
    );
    await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at)
      select ${person}, person_no, ${id}, deptrans.now() from deptrans.persons where driver_license_pd_id = ${person}`.execute(
      db,
    );
    await sql`insert into deptrans.reports (deptrans_id) values (${id})`.execute(db);
  }
}

/** A queue row that was handed to an account. */
export async function queueHanded(db: Db, parkId: string, driverId: string): Promise<void> {
  await sql`insert into deptrans.status_queue (park_id, driver_id, status, event_at, queued_at, carries_event)
    values (${parkId}, ${driverId}, 'online', deptrans.now(), deptrans.now(), false)`.execute(db);
}
