import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openTokenStore } from '../../src/store/tokens.ts';
import { DEADLINE_MS, openAdapter } from '../regulator-adapter.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';
import { behaviours, late, lost } from './behaviours.ts';
import { type Behaviour, openHostileServer } from './hostile-server.ts';

const options = { calls: 200, atOnce: 20 };
/** No call lives on for longer after its deadline. */
const graceMs = 250;
const closedWithinMs = 60_000;
/** For calls whose end does not wait for the deadline. */
const PATIENT_MS = 20_000;
const LICENCE = new Masked<'LicenceNumber'>('77AA123456');

export type Met = {
  /** Outcomes that are not as they should be. */
  wrong: object[];
  /** By how much the longest call outlived its deadline; negative: it did not. */
  overDeadlineMs: number;
  /** Sockets left: of broken connections while the adapter lived, and of all after its end. */
  leaked: number;
};

/** Calls that meet one behaviour, `atOnce` at a time. */
export async function meet(
  behaviour: Behaviour,
  expected: object,
  { db, calls, atOnce }: typeof options & { db: Db },
  signal: AbortSignal,
): Promise<Met> {
  await using server = await openHostileServer(behaviour);
  const deadlineMs = expected === late ? DEADLINE_MS : PATIENT_MS;
  const met: Met = { wrong: [], overDeadlineMs: Number.NEGATIVE_INFINITY, leaked: 0 };
  const openAtMost = async (count: number) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(closedWithinMs)]);
    await until(() => server.open <= count, limit).catch(() => {});
    signal.throwIfAborted();
    met.leaked += Math.max(0, server.open - count);
  };
  const tokens = openTokenStore(db, 'moscow');
  await tokens.takeLogin(0, 0);
  await tokens.save('abc');
  {
    await using adapter = openAdapter({ db }, `http://127.0.0.1:${server.port}`, { deadlineMs });
    // The token is in hand and the server there: the deadline is for the call alone.
    const isChecked = async () => (await adapter.checkId('7', LICENCE, signal)).kind === 'accepted';
    await until(isChecked, signal);
    const call = async (no: number) => {
      const began = performance.now();
      const outcome = await adapter.report(String(no), 'connected', new Date(), signal);
      met.overDeadlineMs = Math.max(met.overDeadlineMs, Math.round(performance.now() - began - deadlineMs));
      if (!matches(outcome, expected)) met.wrong.push(outcome);
    };
    for (let no = 0; no < calls; no += atOnce)
      await Promise.all(Array.from({ length: Math.min(atOnce, calls - no) }, (_, i) => call(no + i)));
    // No connection is kept on which an answer did not come to its end; that of the login may be.
    if (expected === late || expected === lost) await openAtMost(1);
  }
  await openAtMost(0);
  return met;
}

/** Whether everything that is expected is there; more may be. */
function matches(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  const there = actual as Record<string, unknown>;
  return Object.entries(expected).every(([name, value]) => matches(there[name], value));
}

/** G9: all behaviours, one after another. `ok` judges by the exact figure; `stallMs` tells how long this process was held up by others or by itself. */
async function meetAll(size: typeof options, databaseUrl: string, signal: AbortSignal): Promise<Figures> {
  const metrics = openMetrics(systemClock);
  await using database = openDatabase({
    url: databaseUrl,
    maxConnections: 10,
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 5_000,
    applicationName: 'soak',
    log: openLog('error'),
    timer: metrics.timer('store'),
  });
  const { db } = database;
  await migrate(db);
  using stalls = monitorEventLoopDelay({ resolution: 10 });
  stalls.enable();
  const wrong: Record<string, Met> = {};
  let overDeadlineMs = Number.NEGATIVE_INFINITY;
  let leaked = 0;
  for (const [name, behaviour, outcome] of behaviours) {
    signal.throwIfAborted();
    await db.deleteFrom('deptrans.regulator_tokens').execute();
    const met = await meet(behaviour, outcome, { db, ...size }, signal);
    overDeadlineMs = Math.max(overDeadlineMs, met.overDeadlineMs);
    leaked += met.leaked;
    if (met.wrong.length > 0 || met.leaked > 0 || met.overDeadlineMs > graceMs)
      wrong[name] = { ...met, wrong: met.wrong.slice(0, 3) };
  }
  return {
    behaviours: behaviours.length,
    made: behaviours.length * size.calls,
    overDeadlineMs,
    leaked,
    stallMs: Math.round(stalls.max / 1e6),
    wrong,
    ok: Object.keys(wrong).length === 0,
  };
}

export const hostileSoak: Soak<typeof options> = {
  name: 'hostile',
  shows: 'G9: each hostile behaviour of the regulator 200 times: outcome, deadline, no socket left',
  options,
  deadlineMs: ({ calls }) => 120_000 + behaviours.length * (20_000 + calls * 500),
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await meetAll(size, server.url, signal);
  },
};
