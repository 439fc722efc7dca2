import { openApi } from './api/api.ts';
import { openDiagnosticsService } from './api/diagnostics-service.ts';
import { openDriverIdService } from './api/driver-id-service.ts';
import { openExplainDriver } from './api/explain-driver.ts';
import { openGuesses } from './api/guesses.ts';
import { openIncrementalUpdatesService } from './api/incremental-updates-service.ts';
import { openOperationsService } from './api/operations-service.ts';
import { openPolicyService } from './api/policy-service.ts';
import { openStatusIngestService } from './api/status-ingest-service.ts';
import { openSupplyService } from './api/supply-service.ts';
import { openWatchFrames } from './api/watch-frames.ts';
import { openAuth } from './auth/open-auth.ts';
import { openCategories } from './clients/categories.ts';
import { openHttp } from './clients/http.ts';
import { openPersonal } from './clients/personal.ts';
import { openProfiles } from './clients/profiles.ts';
import { openTrackstory } from './clients/trackstory.ts';
import type { Config } from './config.ts';
import { openDelivery } from './delivery/delivery.ts';
import { openEnforcement } from './enforcement/enforcement.ts';
import { openFeed } from './feed/feed.ts';
import { openIntake } from './intake/intake.ts';
import { kafkaSource } from './intake/kafka.ts';
import { openMaintenance } from './maintenance/maintenance.ts';
import { openMirror } from './mirror/mirror.ts';
import { openMoscow } from './regulator/moscow.ts';
import { keepCertificate } from './runtime/certificate.ts';
import type { Clock } from './runtime/clock.ts';
import type { Lifetime } from './runtime/lifetime.ts';
import type { Log } from './runtime/log.ts';
import { openMetrics } from './runtime/metrics.ts';
import { openMetricsServer } from './runtime/metrics-server.ts';
import { slotOf } from './store/balance.ts';
import { openDatabase } from './store/database.ts';
import { migrate } from './store/migrate.ts';
import { putRules } from './store/rules.ts';
import { openTokenStore } from './store/tokens.ts';
import { openPreviews, openSupply, type Supply } from './supply/supply.ts';

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

export type Surroundings = { lifetime: Lifetime; log: Log; clock: Clock };

/** Opens every part that the configuration asks for, in the order in which they need each other. */
export async function openService(config: Config, { lifetime, log, clock }: Surroundings): Promise<Service> {
  const { limits, parts, instance } = config;
  const stack = new AsyncDisposableStack();
  try {
    // What every part stands on.
    const metrics = openMetrics(clock, { processMetrics: true });
    const metricsServer = stack.use(await openMetricsServer(metrics, config.host, config.metricsPort));
    const url = config.databaseUrl.reveal();
    const database = openDatabase({
      ...limits.database,
      url,
      applicationName: instance,
      log,
      timer: metrics.timer('store'),
    });
    const { db } = stack.use(database);
    await migrate(db);
    await putRules(db, config.regions);
    const common = { db, instance, lifetime, clock, log, metrics };

    // Those we call.
    const oddities = metrics.counter('oddities_total', 'What others said that cannot be true', ['of', 'what'] as const);
    const http = (baseUrl: string, deadlineMs: number) =>
      stack.use(openHttp({ baseUrl, deadlineMs, timer: metrics.timer('clients') }));
    const trackstory = openTrackstory(http(config.trackstoryUrl, limits.clients.deadlineMs), (what) =>
      oddities.inc({ of: 'trackstory', what }),
    );
    const personal = openPersonal(http(config.personalUrl, limits.clients.deadlineMs));
    const profiles = openProfiles(http(config.profilesUrl, limits.mirror.deadlineMs));
    const categories = openCategories(http(config.categoriesUrl, limits.mirror.deadlineMs));
    const regulator = stack.use(
      openMoscow({
        ...limits.regulator,
        baseUrl: config.regulatorUrl,
        login: config.regulatorLogin,
        password: config.regulatorPassword,
        maxConnections: limits.delivery.maxInFlight + 20,
        capabilities: { ...limits.regulator, maxRequestLifeMs: limits.delivery.quietMs },
        tokens: openTokenStore(db, 'moscow'),
        clock,
        timer: metrics.timer('regulator'),
        onOddity: (what) => oddities.inc({ of: 'regulator', what }),
      }),
    );

    // The loops. Each meets the others in the database only.
    const reasons: (() => string | null)[] = [];
    const journalKey = config.journalKey.reveal();
    if (parts.has('mirror')) {
      const mirror = stack.use(openMirror({ ...common, profiles, categories, limits: limits.mirror }));
      reasons.push(() => mirror.ready());
      stack.use(openMaintenance({ ...common, limits: limits.maintenance }));
    }
    const source =
      parts.has('intake') && config.kafkaBrokers
        ? kafkaSource({ ...common, ...limits.intake, brokers: config.kafkaBrokers, clientId: instance })
        : null;
    const { maxSilenceMs } = limits.delivery;
    const intake = stack.use(openIntake({ ...common, source, pushSlot: slotOf(instance), maxSilenceMs }));
    if (parts.has('delivery')) {
      const deliveryLimits = {
        ...limits.delivery,
        deadlineMs: limits.regulator.deadlineMs,
        canReadSession: limits.regulator.canReadSession,
        ordersByOccurredAt: limits.regulator.ordersByOccurredAt,
        repeatIsHarmless: limits.regulator.repeatIsHarmless,
      };
      const slot = `delivery/${slotOf(instance)}`;
      const delivery = stack.use(
        openDelivery({ ...common, regulator, trackstory, personal, limits: deliveryLimits, slot, journalKey }),
      );
      delivery.start();
    }

    const { maxDataAgeMs, heartbeatMs: heartbeatIntervalMs, ...feedLimits } = limits.feed;
    const feed = parts.has('feed')
      ? stack.use(
          openFeed({ ...common, ...feedLimits, heartbeatIntervalMs, stopSpreadMs: limits.process.graceMs * 0.3 }),
        )
      : null;
    let supply: Supply | null = null;
    const enforcement = stack.use(
      openEnforcement({
        ...common,
        maxDataAgeMs,
        regulator: regulator.name,
        readings: () => supply?.readings() ?? null,
        dataAgeMs: () => feed?.sourceAgeMs() ?? 0,
      }),
    );
    const supplyLimits = { ...limits.supply, maxSilenceMs, lostMs: limits.maintenance.supplyChangesMs / 2 };
    if (parts.has('supply')) {
      supply = stack.use(openSupply({ ...common, trackstory, inForce: enforcement.inForce, limits: supplyLimits }));
    }
    const census = () => supply?.census() ?? null;
    const previews = stack.use(openPreviews({ ...common, census, policyOf: enforcement.asInForce }));

    // What others ask of us.
    if (!feed || !parts.has('api')) return serviceOf(null);
    reasons.push(() => feed.notReady());
    enforcement.onChange(({ message }) => feed.setPolicy(message));
    reasons.push(() => enforcement.notReady());
    const judging = { feed, inForce: enforcement.inForce, texts: config.texts, clock };
    const auth = stack.use(await openAuth(config.auth, limits.auth, common));
    reasons.push(() => auth.notReady());
    const { maxMessageBytes, bodyTimeoutMs, certificateMs, ...listenerLimits } = limits.listener;
    const keys = config.tls ? { cert: config.tls.cert, key: config.tls.key.reveal() } : undefined;
    const guesses = openGuesses({
      ...common,
      limits: limits.api,
      hashKey: journalKey,
      readTimeoutMs: limits.api.readTimeoutMs,
    });
    const listener = await openApi({
      ...common,
      services: {
        driverId: openDriverIdService({
          ...limits.api,
          callTimeoutMs: limits.api.deadlineMs,
          db,
          personal,
          regulator,
          guesses,
          copy: feed,
          journalKey,
          clock,
        }),
        incrementalUpdates: openIncrementalUpdatesService({ feed, regions: config.regions }),
        diagnostics: {
          ...openDiagnosticsService(judging),
          explainDriver: openExplainDriver({
            ...common,
            ...judging,
            regulator: regulator.name,
            limits: limits.delivery,
            journalKey,
            journalDays: limits.maintenance.journalDays,
            maxDataAgeMs,
          }),
        },
        statusIngest: openStatusIngestService({ takeEvents: (events, signal) => intake.takeEvents(events, signal) }),
        operations: openOperationsService({
          ...common,
          regulator: regulator.name,
          limits: limits.delivery,
          replay: (ids) => intake.replay(ids),
        }),
        policy: openPolicyService({ ...common, regions: config.regions }),
        supply: openSupplyService({ ...common, regions: config.regions, previews }),
      },
      frames: openWatchFrames({ feed, regions: config.regions }),
      auth,
      readiness,
      actionUrls: limits.api,
      host: config.host,
      port: config.port,
      tls: keys,
      listenerLimits,
      bodyLimits: { maxBytes: maxMessageBytes, timeoutMs: bodyTimeoutMs },
    });
    const { graceMs } = limits.process;
    const drainMs = Math.min(limits.process.drainMs, graceMs * 0.3);
    stack.defer(() => listener.close(graceMs * 0.6 - drainMs, drainMs));
    if (config.tls && keys) {
      const { certFile, keyFile } = config.tls;
      const { renew } = listener;
      stack.use(keepCertificate({ ...common, certFile, keyFile, keys, renew, refreshMs: certificateMs }));
    }
    return serviceOf(listener.url);

    function readiness(): string[] {
      if (lifetime.stopping.aborted) return ['stopping'];
      return reasons.flatMap((reason) => reason() ?? []);
    }

    function serviceOf(apiUrl: string | null): Service {
      const ended = new Promise<void>((resolve) =>
        lifetime.stopping.addEventListener('abort', () => resolve(), { once: true }),
      );
      const owned = stack.move();
      return {
        url: apiUrl,
        metricsPort: metricsServer.port,
        readiness,
        ended,
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    }
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
