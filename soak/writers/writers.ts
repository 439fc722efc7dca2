import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import { startService, untilReady } from '../../simulator/stage/service.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, inTransaction, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { publish } from '../../src/store/publish.ts';
import { addPeople, makeChange, putBindings, putSessions } from '../histories/changes.ts';
import { readMessage } from '../histories/history.ts';
import type { Kind } from '../histories/truth.ts';
import { readStream } from '../histories/wire.ts';
import { readVersions } from '../histories/writer.ts';
import type { Figures, Soak } from '../soak.ts';

const options = { keys: 120_000, writers: 16, commits: 20_000, seed: 1 };
type Options = typeof options;

class Undo extends Error {}

/**
 * G14: many writers at once, some of whom dawdle between taking their numbers and committing, or roll back, while an unrelated write transaction
 * stays open. Subscribers over the wire leave and come back with their cursors all the time; at the end each copy must be what the database holds.
 */
export async function writeAtOnce(size: Options, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  const random = openRandom(`${size.seed}/writers`);
  const timer = openMetrics(systemClock).timer('store');
  const limits = { maxConnections: size.writers + 4, statementTimeoutMs: 300_000, connectTimeoutMs: 300_000 };
  const log = openLog('silent');
  await using database = openDatabase({ url: databaseUrl, ...limits, applicationName: 'soak', log, timer });
  const { db } = database;
  await migrate(db);
  const people = await populate(db, Math.ceil(size.keys / 2));
  const env = { PARTS: 'feed,api' };
  await using service = await startService({ databaseUrl, brokers: null, cityUrl: 'http://127.0.0.1:1', env });
  await untilReady(service.url);

  let last = Number.POSITIVE_INFINITY;
  const following = Promise.all(
    (['ids', 'statuses', 'statuses'] as const).map((kind, i) =>
      follow(service.url, kind, {
        random: random.fork(`reader ${i}`),
        isThere: (position) => position >= last,
        signal,
      }),
    ),
  );
  following.catch(() => {}); // awaited below
  const done = { commits: 0, undone: 0 };
  await inTransaction(db, async (foreign) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(foreign); // it does nothing, for as long as all this takes
    await sql`create temporary table of_somebody_else as select 1`.execute(foreign);
    const writers = Array.from({ length: size.writers }, async (_, i) => {
      const mine = random.fork(`writer ${i}`);
      while (done.commits + done.undone < size.commits) {
        signal.throwIfAborted();
        if (await writeOnce(db, mine, people)) done.commits += 1;
        else done.undone += 1;
      }
    });
    await Promise.all(writers);
  });
  last = (await inTransaction(db, async (tx) =>
    publish(tx, await putSessions(tx, people.slice(0, 5), 'online', 'moscow', false)),
  ))!;
  const copies = await following;
  let stale = 0;
  const held: number[] = [];
  for (const { kind, copy } of copies) {
    const truth = (await readVersions(db, kind, sql`true`, 0)).filter(({ deleted }) => !deleted);
    const wrong = truth.filter(({ key, seq, value }) => copy.get(key) !== `${seq} ${value}`).length;
    stale += wrong + Math.abs(copy.size - truth.length);
    held.push(copy.size);
  }
  return { ...done, held, streams: copies.reduce((sum, { streams }) => sum + streams, 0), stale, ok: stale === 0 };
}

async function populate(db: Db, count: number): Promise<number[]> {
  return await inTransaction(db, async (tx) => {
    const { people, changed } = await addPeople(tx, count);
    await publish(tx, {
      ...changed,
      ...(await putSessions(
        tx,
        people.filter((no) => no % 5 > 0),
        'online',
        'moscow',
        false,
      )),
      ...(await putBindings(
        tx,
        people.filter((no) => no % 2 > 0),
        true,
      )),
    });
    return people;
  });
}

/** One random change; now and then it takes its numbers, dawdles, and commits or rolls back. False if it did. */
async function writeOnce(db: Db, random: Random, people: readonly number[]): Promise<boolean> {
  try {
    await inTransaction(db, async (tx) => {
      await publish(tx, await makeChange(tx, random, people, 20));
      if (random.chance(0.2)) await sql`select pg_sleep(${random.int(15) / 1_000})`.execute(tx);
      if (random.chance(0.08)) throw new Undo();
    });
    return true;
  } catch (error) {
    if (error instanceof Undo) return false;
    throw error;
  }
}

type Following = { random: Random; isThere(position: number): boolean; signal: AbortSignal };

/** Keeps a copy as a consumer does, and leaves and comes back all the time. */
async function follow(url: string, kind: Kind, { random, isThere, signal }: Following) {
  const copy = new Map<string, string>();
  let cursor: Uint8Array = new Uint8Array(0);
  let position = 0;
  for (let streams = 1; ; streams++) {
    const leaving = new AbortController();
    const messages = readStream({ url, kind, cursor, filter: [] }, AbortSignal.any([signal, leaving.signal]));
    for await (const message of messages) {
      const { frame, ...place } = readMessage(kind, message);
      if (frame.case === 'reset') throw new Error('a reset, though nothing was replaced');
      for (const { key, seq, deleted, value } of frame.case === 'changes' ? frame.records : []) {
        if (deleted) copy.delete(key);
        else copy.set(key, `${seq} ${value}`);
      }
      position = place.position ?? position;
      cursor = place.cursor?.slice() ?? cursor;
      if (frame.case === 'heartbeat' && isThere(position)) return { kind, copy, streams };
      if (random.chance(0.01)) break;
    }
    leaving.abort();
    signal.throwIfAborted();
    await pause(random.int(200), undefined, { signal });
  }
}

export const writersSoak: Soak<Options> = {
  name: 'writers',
  shows:
    'G14: 0 stale keys with 16 writers at once, random delays before their commits, and a foreign write transaction',
  options,
  deadlineMs: ({ commits, keys }) => 300_000 + commits * 60 + keys * 2,
  async run(size, signal) {
    await using server = await startPostgres();
    return await writeAtOnce(size, server.url, signal);
  },
};
