import { Code, type ServiceImpl } from '@connectrpc/connect';
import { type Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/health/v1/health_pb.ts';
import type { Clock } from '../runtime/clock.ts';
import { refuseWithCode } from './errors.ts';

/** Why the instance cannot serve now; empty: it can. In plain words for an operator. */
export type Readiness = () => readonly string[];

export type HealthOptions = {
  readiness: Readiness;
  /** The services that can be asked about, besides '' for the whole. All are as ready as the whole. */
  services: readonly string[];
  clock: Clock;
  /** Watchers look for a change that often. */
  pollMs?: number;
};

/** `grpc.health.v1`: SERVING when ready. Watch tells the state at once and then each change of it, until the caller leaves. */
export function openHealthService(options: HealthOptions): ServiceImpl<typeof Health> {
  const { readiness, clock, pollMs = 500 } = options;
  const known = new Set(['', ...options.services]);
  const current = () => (readiness().length === 0 ? Status.SERVING : Status.NOT_SERVING);
  return {
    check({ service }) {
      if (!known.has(service)) throw refuseWithCode(Code.NotFound, 'No such service');
      return { status: current() };
    },

    list() {
      const status = current();
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status }])) };
    },

    async *watch({ service }, { signal }) {
      const look = () => (known.has(service) ? current() : Status.SERVICE_UNKNOWN);
      for (let last: Status | undefined; !signal.aborted; await clock.sleep(pollMs, signal)) {
        const status = look();
        if (status !== last) yield { status };
        last = status;
      }
      throw signal.reason;
    },
  };
}
