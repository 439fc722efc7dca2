import { openApi, type Services } from './api/api.ts';
import { openDiagnosticsService } from './api/diagnostics-service.ts';
import { openDriverIdService } from './api/driver-id-service.ts';
import { openExplainDriver } from './api/explain-driver.ts';
import { openGuesses } from './api/guesses.ts';
import type { Readiness } from './api/health.ts';
import { openIncrementalUpdatesService } from './api/incremental-updates-service.ts';
import { openOperationsService } from './api/operations-service.ts';
import { openPolicyService } from './api/policy-service.ts';
import { openStatusIngestService } from './api/status-ingest-service.ts';
import { openSupplyService } from './api/supply-service.ts';
import { openWatchFrames } from './api/watch-frames.ts';
import type { Callees } from './app-callees.ts';
import type { Checks } from './app-checks.ts';
import type { Common } from './app-common.ts';
import type { Auth } from './auth/auth.ts';
import type { Config } from './config.ts';
import type { Feed } from './feed/feed.ts';
import type { Intake } from './intake/intake.ts';
import { keepCertificate } from './runtime/certificate.ts';

export type EdgeParts = {
  callees: Pick<Callees, 'personal' | 'regulator'>;
  feed: Feed;
  checks: Checks;
  intake: Intake;
  auth: Auth;
  readiness: Readiness;
};

/** What others ask of us, on one port; owned by `stack`, whose end lets calls in hand end. */
export async function openEdge(
  stack: AsyncDisposableStack,
  config: Config,
  common: Common,
  parts: EdgeParts,
): Promise<{ url: string }> {
  const { limits, regions } = config;
  const { maxMessageBytes, bodyTimeoutMs, certificateMs, ...listenerLimits } = limits.listener;
  const keys = config.tls ? { cert: config.tls.cert, key: config.tls.key.reveal() } : undefined;
  const listener = await openApi({
    ...common,
    services: makeServices(config, common, parts),
    frames: openWatchFrames({ feed: parts.feed, regions }),
    auth: parts.auth,
    readiness: parts.readiness,
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
  return listener;
}

function makeServices(config: Config, common: Common, { callees, feed, checks, intake }: EdgeParts): Services {
  const { limits, regions } = config;
  const { personal, regulator } = callees;
  const journalKey = config.journalKey.reveal();
  const judging = { feed, inForce: checks.enforcement.inForce, texts: config.texts, clock: common.clock };
  const { readTimeoutMs } = limits.api;
  return {
    driverId: openDriverIdService({
      ...limits.api,
      ...common,
      personal,
      regulator,
      callTimeoutMs: limits.api.deadlineMs,
      guesses: openGuesses({ ...common, limits: limits.api, hashKey: journalKey, readTimeoutMs }),
      copy: feed,
      journalKey,
    }),
    incrementalUpdates: openIncrementalUpdatesService({ feed, regions }),
    diagnostics: {
      ...openDiagnosticsService(judging),
      explainDriver: openExplainDriver({
        ...common,
        ...judging,
        regulator: regulator.name,
        limits: limits.delivery,
        journalKey,
        journalDays: limits.maintenance.journalDays,
        maxDataAgeMs: limits.feed.maxDataAgeMs,
      }),
    },
    statusIngest: openStatusIngestService({ takeEvents: (events, signal) => intake.takeEvents(events, signal) }),
    operations: openOperationsService({
      ...common,
      regulator: regulator.name,
      limits: limits.delivery,
      replay: (ids) => intake.replay(ids),
    }),
    policy: openPolicyService({ ...common, regions }),
    supply: openSupplyService({ ...common, regions, previews: checks.previews }),
  };
}
