import { openService } from './app.ts';
import { ConfigError, readConfig } from './config.ts';
import { systemClock } from './runtime/clock.ts';
import { openLifetime } from './runtime/lifetime.ts';
import { openLog } from './runtime/log.ts';

/**
 * The process: configuration, service, signals, exit code. 0 after a clean stop; 1 if the service could not start or did not end within its
 * grace; 2 if the configuration is wrong.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = openLog(config.logLevel).child({ service: 'deptrans', instance: config.instance });
  const lifetime = openLifetime();
  const { graceMs } = config.limits.process;
  let toldAtMs = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      toldAtMs = systemClock.monotonic();
      log.info({ signal }, 'stopping');
      lifetime.stop(graceMs / 2);
      setTimeout(() => {
        log.error('the grace is over: exiting with work in hand');
        process.exit(1);
      }, graceMs).unref();
    });
  }
  // Node itself would print the text of the error and the line of code that threw it.
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (err: unknown) => {
      log.fatal({ err, event }, 'an error that nobody handled');
      process.exit(1);
    });
  }
  {
    await using service = await openService(config, { lifetime, log, clock: systemClock });
    log.info({ url: service.url, metricsPort: service.metricsPort, parts: [...config.parts] }, 'started');
    await service.ended;
  }
  log.info({ tookMs: Math.round(systemClock.monotonic() - toldAtMs) }, 'stopped');
}

try {
  await main();
  process.exit(0);
} catch (error) {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  openLog('info').fatal({ err: error }, 'the service could not go on');
  process.exit(1);
}
