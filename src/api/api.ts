import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from '@connectrpc/connect';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import { file_google_rpc_error_details } from '../../gen/google/rpc/error_details_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { Health } from '../../gen/health/v1/health_pb.ts';
import type { Auth } from '../auth/auth.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import { type Listener, type ListenerLimits, openListener, type RequestHandler } from '../runtime/listener.ts';
import type { TlsKeys } from '../runtime/listener-front.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { rulesOf } from './access.ts';
import { type ActionUrlOptions, makeAddLink } from './action-links.ts';
import { makeAdmit } from './admission.ts';
import { makeRequestHandler } from './endpoints.ts';
import { refuse } from './errors.ts';
import type { FrameStream } from './frame-handler.ts';
import { openHealthService, type Readiness } from './health.ts';
import { makeInterceptors } from './interceptors.ts';
import { makeEndpoints } from './mount.ts';
import { makeOpsPaths } from './ops.ts';
import { openReflectionService } from './reflection.ts';
import type { BodyLimits } from './request-body.ts';

/**
 * The edge: everything that others can ask of the service, on one port. Each RPC answers over Connect, gRPC and gRPC-Web, on HTTP/1.1 and
 * HTTP/2, and on its REST path if the contract gives it one; beside them gRPC health and reflection, `/healthz` and `/readyz`.
 *
 * It guarantees that all of these run through the same interceptors and implementations, that nobody is answered whom the table of access.ts does not
 * list for what he calls, that a refusal carries a reason of the contract
 * and nothing personal, and that requests are bounded in size and time. It knows nothing of what the services do. RPC paths take POST
 * only: what Connect offers by GET would put the request into URLs.
 */
export type Services = {
  driverId: ServiceImpl<typeof DriverIdService>;
  incrementalUpdates: ServiceImpl<typeof IncrementalUpdatesService>;
  diagnostics: ServiceImpl<typeof DiagnosticsService>;
  statusIngest: ServiceImpl<typeof StatusIngestService>;
  operations: ServiceImpl<typeof OperationsService>;
  policy: ServiceImpl<typeof PolicyService>;
  supply: ServiceImpl<typeof SupplyService>;
};

export type ApiOptions = {
  services: Services;
  /** Streams whose frames are encoded already, by method; the services answer the same where these cannot be sent. */
  frames?: ReadonlyMap<DescMethod, FrameStream>;
  /** Knows who calls. */
  auth: Auth;
  readiness: Readiness;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Where apps find what may help after a refusal. Absent: they know it themselves. */
  actionUrls?: ActionUrlOptions;
  /** Absent: plain HTTP. */
  tls?: TlsKeys | undefined;
  listenerLimits?: Partial<ListenerLimits>;
  bodyLimits?: BodyLimits;
  /** What requests pass before anything else. */
  around?: (handler: RequestHandler) => RequestHandler;
  lifetime: Lifetime;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

/** 10,000 status events with the longest names are 2.3 MB in JSON. */
const BODY_LIMITS: BodyLimits = { maxBytes: 4 * 1024 * 1024, timeoutMs: 30_000 };

/** Listens and serves. The services are the caller's; `close` of the result lets calls in hand end. */
export function openApi(options: ApiOptions): Promise<Listener> {
  const { services, readiness, lifetime, clock, metrics } = options;
  const log = options.log.child({ part: 'api' });
  const limits = options.bodyLimits ?? BODY_LIMITS;
  const specs = specsOf(services, readiness, clock);
  const ops = makeOpsPaths(readiness);
  const rules = rulesOf(
    specs.map(({ method }) => method as DescMethod),
    [...ops.keys()],
  );
  const admit = makeAdmit(options.auth, rules, metrics);
  const interceptors = makeInterceptors(log, admit, options.actionUrls && makeAddLink(options.actionUrls));
  const { frames = new Map() } = options;
  const endpoints = makeEndpoints(specs, {
    interceptors,
    limits,
    shutdownSignal: cutOff(lifetime),
    frames,
    log,
    admit,
  });
  const { around = (handler) => handler } = options;
  const handler = around(makeRequestHandler({ endpoints, ops, clock, log, metrics }));
  const cuts = metrics.counter('listener_cuts_total', 'Clients turned away or cut off', ['why'] as const);
  const { host, port, tls, listenerLimits = {} } = options;
  return openListener({ host, port, tls, handler, limits: listenerLimits, onCut: (why) => cuts.inc({ why }) });
}

/** Every method with its implementation. */
function specsOf(services: Services, readiness: Readiness, clock: Clock): MethodImplSpec[] {
  const ours: [DescService, object][] = [
    [DriverIdService, services.driverId],
    [IncrementalUpdatesService, services.incrementalUpdates],
    [DiagnosticsService, services.diagnostics],
    [StatusIngestService, services.statusIngest],
    [OperationsService, services.operations],
    [PolicyService, services.policy],
    [SupplyService, services.supply],
  ];
  const names = ours.map(([service]) => service);
  const health = openHealthService({ readiness, services: names.map((service) => service.typeName), clock });
  const reflection = openReflectionService(
    [...names, Health, ServerReflection, ServerReflectionAlpha],
    [file_google_rpc_error_details],
  );
  const implemented: [DescService, object][] = [
    ...ours,
    [Health, health],
    [ServerReflection, reflection],
    [ServerReflectionAlpha, reflection],
  ];
  return implemented.flatMap(([service, impl]) => Object.values(createServiceImplSpec(service, impl).methods));
}

/** Aborts, with the reason that callers are told, when what is in hand must be dropped. */
function cutOff({ aborting }: Lifetime): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(refuse('SHUTTING_DOWN'));
  if (aborting.aborted) abort();
  else aborting.addEventListener('abort', abort, { once: true });
  return controller.signal;
}
