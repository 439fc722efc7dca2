import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../simulator/broker/kafka-settings.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import { type Service, startService, untilReady } from '../../simulator/stage/service.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { startCluster, urlOf } from '../postgres/cluster.ts';
import type { Figures, Soak } from '../soak.ts';
import { makeBookmarkable } from './bookmarkable.ts';
import type { History } from './history.ts';
import { subscribe, WAYS } from './subscriber.ts';
import { openTape, played, type Recorded } from './tape.ts';
import { type Commit, type Kind, Truth } from './truth.ts';
import { Atomic, Ordered, Reliable, Resumable, Unique } from './validators.ts';
import { openWriter, type Writer } from './writer.ts';

const options = {
  subscribers: 200,
  changes: 50_000,
  restarts: 10,
  crashes: 3,
  people: 2_000,
  /** Changes a second. */
  rate: 400,
  seed: 1,
};
type Options = typeof options;

const INSTANCES = 2;
const WRITERS = 4;

/** Beside what the event loop of this process was held up: what a loaded machine keeps in sockets. */
const SLACK_MS = 5_000;

/**
 * G13: subscribers over the real wire, some of which do not read, vanish, fall back to old copies or move between instances, while changes are
 * committed, the service is killed or stopped and started, and PostgreSQL crashes. All that each of them saw is recorded, and judged afterwards
 * against what the database itself said in each commit.
 */
export async function recordHistories(size: Options, signal: AbortSignal): Promise<Figures> {
  const random = openRandom(`${size.seed}/histories`);
  await using cluster = await startCluster();
  const url = urlOf(cluster.port);
  const timer = openMetrics(systemClock).timer('store');
  const limits = { maxConnections: 10, statementTimeoutMs: 20_000, connectTimeoutMs: 20_000 };
  await using database = openDatabase({ url, ...limits, applicationName: 'soak', log: openLog('silent'), timer });
  await migrate(database.db);
  const writer = openWriter(database.db);
  await writer.populate(size.people);
  await using instances = await openInstances(url);
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();

  using tape = openTape();
  const recorded: Recorded[] = Array.from({ length: size.subscribers }, (_, i) => {
    const way = WAYS[i % WAYS.length]!;
    const kind: Kind = Math.floor(i / WAYS.length) % 3 === 0 ? 'ids' : 'statuses';
    const filter = kind === 'statuses' && i % 4 === 3 ? ['moscow'] : [];
    return { name: `${i} (${way}, ${kind}${filter.length > 0 ? ` of ${filter}` : ''})`, kind, filter, streams: [] };
  });
  let last: number | null = null;
  const surroundings = { urls: instances.urls, tape, lastCommit: () => last, signal };
  const living = Promise.all(
    recorded.map((history, i) =>
      subscribe(history, WAYS[i % WAYS.length]!, { ...surroundings, random: random.fork(`subscriber ${i}`) }),
    ),
  );
  living.catch(() => {}); // awaited below
  const written = await writeAll(writer, size, { random, trouble: troubles(size, instances, cluster), signal });
  const commits = await writer.commits();
  last = Math.max(...commits.map(({ seq }) => seq));
  await living;
  delay.disable();
  const mostMb = () => Math.round(process.resourceUsage().maxRSS / 1_000);
  const recorderMb = mostMb();
  const lateMs = Math.ceil(delay.max / 1e6);
  const figures = judge(played(recorded, tape), commits, SLACK_MS + lateMs);
  return {
    written,
    recorderLateMs: lateMs,
    recorderMb,
    judgesMb: mostMb(),
    ...figures,
  };
}

/** What the judges found. Histories are taken one after the other, and none is kept. */
export function judge(histories: Iterable<History>, commits: readonly Commit[], slackMs: number): Figures {
  const truths = { ids: new Truth('ids', commits), statuses: new Truth('statuses', commits) };
  const validators = { Ordered, Unique, Reliable, Atomic, Resumable, Bookmarkable: makeBookmarkable(slackMs) };
  const wrong: Record<string, number> = Object.fromEntries(Object.keys(validators).map((name) => [name, 0]));
  const examples: string[] = [];
  const seen = { streams: 0, resumed: 0, frames: 0, records: 0 };
  for (const history of histories) {
    for (const [name, validator] of Object.entries(validators)) {
      const found = validator(history, truths[history.kind]);
      wrong[name]! += found.length;
      if (examples.length < 20) examples.push(...found.slice(0, 3).map((what) => `${name}: ${what}`));
    }
    for (const { from, frames } of history.streams) {
      seen.streams += 1;
      if (from !== null) seen.resumed += 1;
      seen.frames += frames.length;
      for (const frame of frames) seen.records += frame.case === 'changes' ? frame.records.length : 0;
    }
  }
  return {
    commits: commits.length,
    doubtful: commits.filter(({ knownAtMs }) => knownAtMs === Number.POSITIVE_INFINITY).length,
    ...seen,
    wrong,
    ...(examples.length > 0 && { examples }),
    ok: Object.values(wrong).every((count) => count === 0) && seen.records > 0,
  };
}

type Instances = AsyncDisposable & { readonly urls: readonly string[]; restart(random: Random): Promise<void> };

async function openInstances(databaseUrl: string): Promise<Instances> {
  const ports = await freePorts(Array.from({ length: INSTANCES }, () => 0));
  const nobody = 'http://127.0.0.1:1';
  const start = (no: number) => {
    const env = {
      PARTS: 'feed,api',
      INSTANCE: `history-${no}`,
      DEPTRANS_FEED_MAX_STREAM_AGE_MS: '20000',
      LOG_LEVEL: 'info',
    };
    return startService({ databaseUrl, brokers: null, cityUrl: nobody, port: ports[no]!, env });
  };
  const services: Service[] = [];
  for (const no of ports.keys()) services.push(await start(no));
  await Promise.all(services.map(({ url }) => untilReady(url)));
  return {
    urls: services.map(({ url }) => url),
    async restart(random) {
      const no = random.int(services.length);
      if (random.chance(0.5)) await services[no]!.kill();
      else await services[no]!.stop();
      await pause(random.int(300));
      services[no] = await start(no);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(services.map((service) => service.stop()));
    },
  };
}

type Trouble = (random: Random) => Promise<void>;

/** Restarts of the service and crashes of PostgreSQL, spread evenly among each other. */
function troubles(
  { restarts, crashes }: Options,
  instances: Instances,
  cluster: Awaited<ReturnType<typeof startCluster>>,
) {
  const restart: Trouble = (random) => instances.restart(random);
  const crash: Trouble = async (random) => {
    await cluster.crash();
    await pause(random.int(500));
    await cluster.start();
  };
  const all = [
    ...Array.from({ length: restarts }, (_, i) => ({ at: (i + 0.5) / restarts, what: restart })),
    ...Array.from({ length: crashes }, (_, i) => ({ at: (i + 0.7) / crashes, what: crash })),
  ];
  return all.toSorted((a, b) => a.at - b.at).map(({ what }) => what);
}

type Writing = { random: Random; trouble: readonly Trouble[]; signal: AbortSignal };

/** Writes at the rate, with each trouble in its turn. A write that fails in a crash is another one's to make. */
async function writeAll(writer: Writer, { changes, rate }: Options, { random, trouble, signal }: Writing) {
  const figures = { changes: 0, failed: 0 };
  const began = performance.now();
  const writers = Array.from({ length: WRITERS }, async (_, i) => {
    const mine = random.fork(`writer ${i}`);
    while (figures.changes < changes) {
      signal.throwIfAborted();
      const dueMs = (figures.changes / rate) * 1_000 - (performance.now() - began);
      if (dueMs > 0) await pause(dueMs, undefined, { signal });
      try {
        const changed = await writer.writeOnce(mine);
        figures.changes += changed;
      } catch {
        figures.failed += 1;
        await pause(50, undefined, { signal });
      }
    }
  });
  const making = (async () => {
    for (const [i, make] of trouble.entries()) {
      while (figures.changes < (changes * (i + 1)) / (trouble.length + 1)) await pause(20, undefined, { signal });
      await make(random.fork(`trouble ${i}`));
    }
  })();
  await Promise.all([...writers, making]);
  return figures;
}

export const historiesSoak: Soak<Options> = {
  name: 'histories',
  shows:
    'G13: Ordered, Unique, Reliable, Atomic, Resumable, Bookmarkable hold in recorded histories, whatever is restarted',
  options,
  deadlineMs: ({ changes, rate, restarts, crashes }) =>
    600_000 + (changes / rate) * 5_000 + (restarts + crashes) * 60_000,
  run: recordHistories,
};
