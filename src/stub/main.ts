import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openAuth } from '../auth/open-auth.ts';
import { ConfigError } from '../config.ts';
import { readAuth } from '../config-auth.ts';
import { limitsSchema } from '../config-schema.ts';
import { textsSchema } from '../enforcement/enforcement.ts';
import { systemClock } from '../runtime/clock.ts';
import { openLifetime } from '../runtime/lifetime.ts';
import { openLog } from '../runtime/log.ts';
import { openMetrics } from '../runtime/metrics.ts';
import { openStub } from './stub.ts';

/**
 * `make stub`: HOST, PORT and who may call as for the service; without settings, open to all on loopback. Ends at SIGTERM or Ctrl-C within five
 * seconds.
 */
const GRACE_MS = 5_000;

const env: Record<string, string | undefined> = { AUTH: process.env['SERVICE_JWKS'] ? 'keys' : 'open', ...process.env };
const problems: string[] = [];
const settings = readAuth(env, problems);
const port = Number(env['PORT'] ?? 8080);
if (!Number.isInteger(port) || port < 0 || port > 65_535) problems.push('PORT: must be 0 to 65535');
if (problems.length > 0) {
  process.stderr.write(`${new ConfigError(problems).message}\n`);
  process.exit(2);
}
const log = openLog('info').child({ service: 'deptrans-stub' });
const lifetime = openLifetime();
const surroundings = { lifetime, clock: systemClock, log };
const metrics = openMetrics(systemClock);
const auth = await openAuth(settings, limitsSchema.parse({}).auth, { ...surroundings, metrics });
const texts = textsSchema.parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../config/texts.json'), 'utf8')));
const listener = await openStub({ ...surroundings, auth, texts, host: env['HOST'] ?? '127.0.0.1', port });
log.info({ url: listener.url }, 'started');
const stop = () => {
  lifetime.stop(GRACE_MS / 2);
  listener.close(GRACE_MS).then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
