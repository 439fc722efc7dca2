import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import {
  Check,
  CheckDriverResponseSchema,
  CheckDriversResponseSchema,
  GetDriverIdsResponseSchema,
  VerdictOutcome,
  VerdictReason,
} from '../../gen/deptrans/v1/diagnostics_pb.ts';
import {
  DriverId_State,
  GetDriverIdResponseSchema,
  SetDriverIdResponseSchema,
} from '../../gen/deptrans/v1/driver_id_pb.ts';
import {
  Hello_Mode,
  ListIdUpdatesResponseSchema,
  ListStatusUpdatesResponseSchema,
  WatchIdsResponseSchema,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { SessionStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { RejectedEvent_Reason, ReportStatusesResponseSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { type ApiOptions, openApi, type Services } from '../../src/api/api.ts';
import { refuse } from '../../src/api/errors.ts';
import type { Auth } from '../../src/auth/auth.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

/** Fixed answers, one of each RPC, with every kind of field in them. */
export const answers = {
  id: create(GetDriverIdResponseSchema, {
    id: { bound: true, deptransId: '42', state: DriverId_State.BOUND, updatedAt: timestampFromMs(1_700_000_000_123) },
  }),
  set: create(SetDriverIdResponseSchema, { id: { bound: true, deptransId: '77', state: DriverId_State.BOUND } }),
  ids: create(ListIdUpdatesResponseSchema, {
    ids: [{ parkId: 'p', driverId: 'd', bound: true, deptransId: '42', seq: 9_007_199_254_740_993n }],
    cursor: new Uint8Array([0xfb, 0xff, 0xbe, 1]),
    hasMore: true,
  }),
  statuses: create(ListStatusUpdatesResponseSchema, {
    statuses: [{ parkId: 'p', driverId: 'd', sessionStatus: SessionStatus.ONLINE, region: 'moscow', seq: 5n }],
    cursor: new Uint8Array([1, 2]),
  }),
  idFrames: [
    create(WatchIdsResponseSchema, {
      frame: { case: 'hello', value: { epoch: 'e', headSeq: 3n, mode: Hello_Mode.SNAPSHOT } },
    }),
    create(WatchIdsResponseSchema, {
      frame: { case: 'changes', value: { throughSeq: 3n, records: [{ parkId: 'p', driverId: 'd', seq: 3n }] } },
    }),
  ],
  statusFrames: [create(WatchStatusesResponseSchema, { frame: { case: 'hello', value: { epoch: 'e' } } })],
  check: create(CheckDriverResponseSchema, {
    verdicts: [{ check: Check.SESSION, outcome: VerdictOutcome.FAIL, reason: VerdictReason.NO_SESSION }],
    freshness: { sourceAgeMs: 12n },
  }),
  checks: create(CheckDriversResponseSchema, { results: [{ driver: { parkId: 'p', driverId: 'd' } }] }),
  driverIds: create(GetDriverIdsResponseSchema, {
    results: [
      { driver: { parkId: 'p', driverId: 'd' }, known: true, id: { bound: true, deptransId: '42' } },
      { driver: { parkId: 'p', driverId: 'nobody' } },
    ],
  }),
  taken: create(ReportStatusesResponseSchema, {
    accepted: 1,
    rejected: [{ index: 1, reason: RejectedEvent_Reason.BAD_TIME }],
  }),
};

/** Services that give the fixed answers. */
export function fixedServices(): Services {
  return {
    driverId: { getDriverId: () => answers.id, setDriverId: () => answers.set },
    incrementalUpdates: {
      listIdUpdates: () => answers.ids,
      listStatusUpdates: () => answers.statuses,
      async *watchIds() {
        yield* answers.idFrames;
        throw refuse('SHUTTING_DOWN');
      },
      async *watchStatuses() {
        yield* answers.statusFrames;
        throw refuse('FILTER_UNKNOWN', { fields: [{ field: 'regions', description: 'configured ones' }] });
      },
    },
    diagnostics: {
      checkDriver: () => answers.check,
      checkDrivers: () => answers.checks,
      getDriverIds: () => answers.driverIds,
      explainDriver: () => ({}),
    },
    statusIngest: { reportStatuses: () => answers.taken },
    operations: {
      status: () => ({}),
      explain: () => ({}),
      listParked: () => ({}),
      wake: () => ({}),
      listQuarantine: () => ({}),
      replay: () => ({}),
      pauseDelivery: () => ({}),
      resumeDelivery: () => ({}),
      drainRegion: () => ({}),
      listDifferences: () => ({}),
      async *exportExchanges() {},
    },
    supply: { getLoss: () => ({}), preview: () => ({}) },
    policy: {
      get: () => ({}),
      put: () => ({}),
      history: () => ({}),
      suspend: () => ({}),
      resume: () => ({}),
      listStepBacks: () => ({}),
      endStepBack: () => ({}),
    },
  };
}

/** Whoever asks is somebody who may. For tests that are not about callers. */
export const WHOEVER_MAY: Auth = {
  admit(rule) {
    if (rule === 'anyone') return { kind: 'nobody' };
    if (rule.drivers) return { kind: 'driver', parkId: 'p', driverId: 'd', app: '', byProxy: true };
    return rule.services ? { kind: 'service', name: rule.services[0]! } : { kind: 'engineer', name: 'tester' };
  },
  addressOf: () => null,
  notReady: () => null,
};

type Overrides = { [S in keyof Services]?: Partial<Services[S]> };

export type Edge = Listener & {
  readonly lines: string[];
  /** Sums of the metric `deptrans_api_seconds_count` by `call` and `code`. */
  counted(): Promise<Record<string, number>>;
  readonly lifetime: ReturnType<typeof openLifetime>;
};

/** The whole edge over fixed services, with what a test wants otherwise. The log is kept in `lines`. */
export async function openEdge(
  overrides: Overrides = {},
  options: Partial<Omit<ApiOptions, 'services'>> = {},
): Promise<Edge> {
  const fixed = fixedServices();
  const services = Object.fromEntries(
    Object.entries(fixed).map(([name, impl]) => [name, { ...impl, ...overrides[name as keyof Services] }]),
  ) as Services;
  const lines: string[] = [];
  const metrics = openMetrics(systemClock);
  const lifetime = openLifetime();
  const listener = await openApi({
    services,
    auth: WHOEVER_MAY,
    readiness: () => [],
    host: '127.0.0.1',
    port: 0,
    lifetime,
    clock: systemClock,
    log: openLog('debug', { write: (line) => void lines.push(line) }),
    metrics,
    ...options,
  });
  const counted = async () => {
    const { values } = (await metrics.registry.getSingleMetric('deptrans_api_seconds')?.get()) ?? { values: [] };
    const counts = values.filter((v) => 'metricName' in v && v.metricName === 'deptrans_api_seconds_count');
    return Object.fromEntries(counts.map(({ labels, value }) => [`${labels['call']} ${labels['code']}`, value]));
  };
  return { ...listener, lines, lifetime, counted };
}

/** Every way to make an RPC. */
export const transports: Record<string, (baseUrl: string) => Transport> = {
  'Connect JSON, HTTP/1.1': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect binary, HTTP/1.1': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
  'Connect JSON, HTTP/2': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false }),
  'Connect binary, HTTP/2': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
  'gRPC binary, HTTP/2': (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: true }),
  'gRPC JSON, HTTP/2': (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  'gRPC-Web binary, HTTP/1.1': (baseUrl) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
  'gRPC-Web JSON, HTTP/1.1': (baseUrl) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'gRPC-Web binary, HTTP/2': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
};
