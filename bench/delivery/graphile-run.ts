import { Logger, run, runMigrations, type Task, type TaskList } from 'graphile-worker';
import { sql } from 'kysely';
import pg from 'pg';
import { Agent, request } from 'undici';
import type { Db } from '../../src/store/database.ts';
import { type Cost, costOf } from '../cost.ts';
import type { BenchDatabase } from '../database/bench-server.ts';
import { until } from '../until.ts';

/**
 * The same reports by graphile-worker: one job for each driver, which calls the regulator. `keepsAnswers`: it also writes down what the regulator said,
 * as the service does (account, session, a line of the journal), in one statement. Even so it does less: it writes no intent before
 * the call, gives no numbers to the feed, keeps no balance, and knows nothing of rates, regions and doubts.
 *
 * Set up as its documentation says is fastest: a local queue of 500 and completions in batches; as many jobs at once as the service makes calls.
 */
export type GraphileOptions = { count: number; inFlight: number; keepsAnswers: boolean; signal: AbortSignal };

const logger = new Logger(() => () => {});
const CONNECTIONS = 25;

/** Makes graphile-worker's tables and a job for each due row of the queue, one key for each driver. */
export async function fillJobs(db: Db, url: string): Promise<void> {
  await runMigrations({ connectionString: url, logger });
  await sql`select graphile_worker.add_jobs((
      select array_agg(json_populate_record(null::graphile_worker.job_spec, json_build_object('identifier', 'report',
        'payload', json_build_object('id', b.deptrans_id), 'job_key', q.park_id || '/' || q.driver_id)))
        from deptrans.status_queue q
        join deptrans.driver_persons p using (park_id, driver_id)
        join deptrans.profiles b using (driver_license_pd_id)))`.execute(db);
}

export async function runJobs(database: BenchDatabase, url: string, options: GraphileOptions): Promise<Cost> {
  const { inFlight, keepsAnswers, signal } = options;
  await using stack = new AsyncDisposableStack();
  const pgPool = new pg.Pool({ connectionString: database.url, max: CONNECTIONS });
  pgPool.on('error', () => {}); // graphile-worker asks for listeners
  pgPool.on('connect', (client) => client.on('error', () => {}));
  stack.defer(() => pgPool.end());
  const agent = new Agent({ connections: inFlight, pipelining: 1, keepAliveTimeout: 30_000 });
  stack.defer(() => agent.destroy());
  const taskList: TaskList = { report: reportTask(url, agent, keepsAnswers) };
  const isDone = async () => {
    const { rows } = await sql<{ done: boolean }>`
      select not exists (select from graphile_worker._private_jobs) as done`.execute(database.db);
    return rows[0]!.done;
  };
  return await costOf(async () => {
    const runner = await run({
      pgPool,
      logger,
      noHandleSignals: true,
      taskList,
      parsedCronItems: [],
      preset: {
        worker: {
          concurrentJobs: inFlight,
          localQueue: { size: 500 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
    stack.defer(() => runner.stop());
    await until(isDone, { everyMs: 50, signal });
  });
}

function reportTask(url: string, dispatcher: Agent, keepsAnswers: boolean): Task {
  const headers = {
    accept: 'application/json',
    authorization: 'token-of-the-benchmark',
    'content-type': 'application/json',
  };
  return async (payload, helpers) => {
    const { id } = payload as { id: string };
    const sentAt = new Date();
    const answer = await request(`${url}/drivers/${id}/status`, {
      dispatcher,
      method: 'POST',
      headers,
      body: JSON.stringify({ event: 'CONNECTED', occurredAt: sentAt.toISOString() }),
    });
    const { session } = (await answer.body.json()) as { session: { id: string; endGuess: string } };
    if (!keepsAnswers) return;
    const values = [id, session.id, session.endGuess, sentAt, new Date()];
    await helpers.withPgClient((client) => client.query({ name: 'keep', text: KEEP, values }));
  };
}

const KEEP = `
  with account as (
    update deptrans.reports set believed = true, region = 'moscow', session_id = $2, session_status = 'online', session_end = $3::timestamptz,
        session_end_is_estimate = true, session_read_at = $5, last_sent_at = $4, last_target = true, changed_at = $5
     where deptrans_id = $1),
  owner as (select driver_license_pd_id, person_no from deptrans.profiles where deptrans_id = $1),
  told as (
    insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate, deptrans_id, region)
    select driver_license_pd_id, person_no, 'online', $5, $3::timestamptz, true, $1, 'moscow' from owner
    on conflict (driver_license_pd_id) do update set session_status = excluded.session_status, updated_at = excluded.updated_at,
      ended_at = excluded.ended_at, deptrans_id = excluded.deptrans_id, region = excluded.region, deleted = false)
  insert into deptrans.journal (at, kind, driver_license_pd_id, direction, outcome, region, sent_at, answered_at)
  select $5, 'outcome', driver_license_pd_id, 'connected', 'accepted', 'moscow', $4, $5 from owner`;
