import { openService } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { REGULATORS } from '../../src/config-regions.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openSecondAdapter } from '../regulator/second/adapter.ts';

/**
 * The service as a process of its own that knows one more regulator, `second`: the one whose wire has nothing in common with Moscow's. All else is as in
 * src/main.ts.
 */
const config = readConfig(process.env, undefined, [...REGULATORS, 'second']);
const log = openLog(config.logLevel);
const lifetime = openLifetime();
process.once('SIGTERM', () => lifetime.stop(config.limits.process.graceMs / 2));
{
  await using service = await openService(
    config,
    { lifetime, log, clock: systemClock },
    {
      second: ({ regulatorUrl: url, regulatorPassword, limits }) =>
        openSecondAdapter({ url, key: regulatorPassword.reveal(), deadlineMs: limits.regulator.deadlineMs }),
    },
  );
  log.info({ url: service.url, metricsPort: service.metricsPort }, 'started');
  await service.ended;
}
process.exit(0);
