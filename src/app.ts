import { openCallees } from './app-callees.ts';
import { openChecks } from './app-checks.ts';
import { openCommon, type Surroundings } from './app-common.ts';
import { openEdge } from './app-edge.ts';
import type { Adapters } from './app-regulators.ts';
import { openAuth } from './auth/open-auth.ts';
import type { Config } from './config.ts';
import { openDelivery } from './delivery/delivery.ts';
import { openFeed } from './feed/feed.ts';
import { openIntake } from './intake/intake.ts';
import { kafkaSource } from './intake/kafka.ts';
import { openMaintenance } from './maintenance/maintenance.ts';
import { openMirror } from './mirror/mirror.ts';
import { slotOf } from './store/balance.ts';

/** The service in this process. Disposing it ends everything in the reverse order of its start. */
export type Service = AsyncDisposable & {
  /** Where the API listens; null without the part `api`. */
  readonly url: string | null;
  readonly metricsPort: number;
  /** Why the service is not ready; empty when it is. */
  readiness(): readonly string[];
  /** Resolves when the service is told to stop. */
  readonly ended: Promise<void>;
};

/**
 * Opens every part that the configuration asks for, in the order in which they need each other. `adapters`: of further regulators, for a process that
 * brings its own.
 */
export async function openService(config: Config, surroundings: Surroundings, adapters?: Adapters): Promise<Service> {
  const { limits, parts, instance } = config;
  const { lifetime } = surroundings;
  const stack = new AsyncDisposableStack();
  try {
    const { common, metricsPort } = await openCommon(stack, config, surroundings);
    const callees = openCallees(stack, config, common, adapters);
    const { profiles, categories, trackstory, personal, regulator } = callees;

    // The loops. Each meets the others in the database only.
    const reasons: (() => string | null)[] = [];
    if (parts.has('mirror')) {
      const mirror = stack.use(openMirror({ ...common, profiles, categories, limits: limits.mirror }));
      reasons.push(() => mirror.ready());
    }
    if (parts.has('mirror') || parts.has('delivery'))
      stack.use(openMaintenance({ ...common, limits: limits.maintenance }));
    const source =
      parts.has('intake') && config.kafkaBrokers
        ? kafkaSource({ ...common, ...limits.intake, brokers: config.kafkaBrokers, clientId: instance })
        : null;
    const { maxSilenceMs } = limits.delivery;
    const intake = stack.use(openIntake({ ...common, source, pushSlot: slotOf(instance), maxSilenceMs }));
    if (parts.has('delivery')) {
      const delivery = stack.use(
        openDelivery({
          ...common,
          trackstory,
          personal,
          regulator,
          limits: { ...limits.regulator, ...limits.delivery },
          slot: `delivery/${slotOf(instance)}`,
          journalKey: config.journalKey.reveal(),
        }),
      );
      delivery.start();
    }
    const { maxDataAgeMs: _, heartbeatMs: heartbeatIntervalMs, ...feedLimits } = limits.feed;
    const stopSpreadMs = limits.process.graceMs * 0.3;
    const feed = parts.has('feed')
      ? stack.use(openFeed({ ...common, ...feedLimits, heartbeatIntervalMs, stopSpreadMs }))
      : null;
    const checks = openChecks(stack, config, common, callees, feed);

    // What others ask of us.
    if (!feed || !parts.has('api')) return serviceOf(null);
    const { enforcement } = checks;
    enforcement.onChange(({ message }) => feed.setPolicy(message));
    const auth = stack.use(await openAuth(config.auth, limits.auth, common));
    for (const part of [feed, enforcement, auth]) reasons.push(() => part.notReady());
    const { url } = await openEdge(stack, config, common, { callees, feed, checks, intake, auth, readiness });
    return serviceOf(url);

    function readiness(): string[] {
      if (lifetime.stopping.aborted) return ['stopping'];
      return reasons.flatMap((reason) => reason() ?? []);
    }

    function serviceOf(url: string | null): Service {
      const ended = new Promise<void>((resolve) =>
        lifetime.stopping.addEventListener('abort', () => resolve(), { once: true }),
      );
      const owned = stack.move();
      return { url, metricsPort, readiness, ended, [Symbol.asyncDispose]: () => owned.disposeAsync() };
    }
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
