import type { TestProject } from 'vitest/node';
import { startBroker } from '../../simulator/broker/kafka.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { makeTemplate } from './template.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** Tests make topics of their own there. */
    kafkaBrokers: string;
  }
}

/** One PostgreSQL for the whole run, with a migrated template that each test clones, and one broker. Nothing runs without either. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack();
  const starts = await Promise.allSettled([
    startPostgres({ durable: false }).then(async (server) => {
      stack.use(server);
      await makeTemplate(server.url);
      project.provide('postgresUrl', server.url);
    }),
    startBroker().then((broker) => project.provide('kafkaBrokers', stack.use(broker).brokers)),
  ]);
  const failed = starts.find((start) => start.status === 'rejected');
  if (!failed) return () => stack.disposeAsync();
  await stack.disposeAsync();
  throw failed.reason;
}
