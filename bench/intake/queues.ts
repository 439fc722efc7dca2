import { makeWorkerUtils } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import type { StatusEvent } from '../../src/domain/driver-status.ts';

/** A job queue that takes events in bulk, a queued job per profile at most; made ready, so that only adding is left. */
export type JobQueue = AsyncDisposable & {
  add(events: readonly StatusEvent[]): Promise<void>;
};

/** As the intake commits: what a crash takes, the topic gives again. */
const asyncCommit = '-c synchronous_commit=off';

const keyOf = ({ parkId, driverId }: StatusEvent) => `${parkId}/${driverId}`;

/** pg-boss: `insert` is its call for many jobs, and a queue of policy `short` holds one of each key. It keeps the older one, which is less work. */
export async function openPgBoss(url: string): Promise<JobQueue> {
  const boss = new PgBoss({ connectionString: url, options: asyncCommit, supervise: false, schedule: false });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue('report', { policy: 'short' });
  return {
    async add(events) {
      await boss.insert(
        'report',
        events.map((event) => ({ data: event, singletonKey: keyOf(event) })),
      );
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  };
}

/** graphile-worker: `addJobs` is its call for many jobs, and `jobKey` replaces the queued job of that key. */
export async function openGraphileWorker(url: string): Promise<JobQueue> {
  const connectionString = `${url}?options=${encodeURIComponent(asyncCommit)}`;
  const utils = await makeWorkerUtils({ connectionString, maxPoolSize: 4 });
  await utils.migrate();
  return {
    async add(events) {
      await utils.addJobs(events.map((event) => ({ identifier: 'report', payload: event, jobKey: keyOf(event) })));
    },
    [Symbol.asyncDispose]: async () => utils.release(),
  };
}
