import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { openPolicyService } from '../../src/api/policy-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { openEnforcement } from '../../src/enforcement/enforcement.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { putRules } from '../../src/store/rules.ts';
import { openTestDatabase } from './database.ts';
import { square } from './delivery-world.ts';
import { openEdge } from './edge.ts';

export const REGIONS = [
  { ...square, id: 'moscow', tariffs: ['econom', 'business'] },
  { ...square, id: 'tver', tariffs: ['econom'] },
];

/** The policy's service over a socket, and an instance that follows the policy in force, over a database of their own. */
export async function openPolicyWorld({ pollMs = 20 } = {}) {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  const { db } = database;
  const metrics = openMetrics(systemClock);
  const lines: string[] = [];
  const log = openLog('debug', { write: (line) => void lines.push(line) });
  const edge = await openEdge(
    { policy: openPolicyService({ db, regions: REGIONS, clock: systemClock, log }) },
    { auth: openToAll() },
  );
  stack.defer(() => edge.close(0));
  await putRules(db, REGIONS);
  const lifetime = openLifetime();
  const enforcement = stack.use(
    openEnforcement({
      db,
      instance: 'one',
      regulator: 'moscow',
      readings: () => null,
      dataAgeMs: () => 0,
      maxDataAgeMs: 60_000,
      pollMs,
      lifetime,
      clock: systemClock,
      log,
      metrics,
    }),
  );
  const as = (name: string) =>
    createClient(
      PolicyService,
      createConnectTransport({
        baseUrl: edge.url,
        httpVersion: '2',
        interceptors: [
          (next) => (request) => {
            request.header.set('x-caller', name);
            return next(request);
          },
        ],
      }),
    );
  return { db, lines, metrics, enforcement, as, policy: as('ann'), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
