import { pino } from 'pino';
import { openBearers } from './bearer.ts';
import { openEnvReader } from './read-env.ts';
import { openSubscriber } from './subscriber/open-subscriber.ts';

/**
 * A subscriber as a process, with tokens by the keys in KEYS if given: follows ids and statuses of SERVICE_URL (http://127.0.0.1:8080) and shows its copy on SUBSCRIBER_PORT (8091):
 * `GET /copy`, `GET /lag`. Writes its lag to the log every 10 s. Ends with 0 on SIGTERM and SIGINT.
 */
const log = pino({ name: 'subscriber', base: null });
const reportEveryMs = 10_000;

async function main(): Promise<void> {
  const env = openEnvReader(process.env);
  const serviceUrl = env.url('SERVICE_URL') ?? 'http://127.0.0.1:8080';
  const port = env.number('SUBSCRIBER_PORT', 8_091, 0, 65_535);
  const keys = env.text('KEYS');
  env.check();
  const bearer = (await openBearers(keys))({ kind: 'service', name: 'candidates' });
  await using subscriber = await openSubscriber({ serviceUrl, port, bearer });
  log.info({ url: subscriber.url }, 'listening');
  const reports = setInterval(() => log.info(subscriber.lag(), 'lag'), reportEveryMs);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  clearInterval(reports);
}

main().then(
  () => log.info('stopped'),
  (problem: Error) => {
    log.error(problem.message);
    process.exitCode = 1;
  },
);
