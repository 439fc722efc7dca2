import { create, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { durationFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { PolicyInForceSchema, PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import type { ContractorStatusEvent } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import type { Services } from '../api/api.ts';
import { driverOf } from '../api/call.ts';
import { openDiagnosticsService } from '../api/diagnostics-service.ts';
import { driverIdMessage } from '../api/driver-id-message.ts';
import { refuse } from '../api/errors.ts';
import { openIncrementalUpdatesService } from '../api/incremental-updates-service.ts';
import { openStatusIngestService, type TakenEvents } from '../api/status-ingest-service.ts';
import { type DeptransId, type IdDisplay, parseDeptransId } from '../domain/binding.ts';
import { inForceOf, type Texts } from '../enforcement/enforcement.ts';
import type { Clock } from '../runtime/clock.ts';
import { exampleOf } from './example.ts';
import { openStubFeed } from './feed.ts';
import { IDS, idFactsOf, type Script, SLOW_MS, WORDS } from './scripts.ts';

const REGIONS = [{ id: 'moscow', on: true, tariffs: ['econom', 'business', 'comfortplus'] }] as const;
/** What is bound by calls is remembered of so many drivers. */
const MAX_BOUND = 10_000;

/** The services of the contract without anything behind them. Where a real service needs a feed alone, it is the real one. */
export function openStubServices(options: {
  clock: Clock;
  stopping: AbortSignal;
  idDisplay: IdDisplay;
  texts: Texts;
}): Services {
  const { clock, stopping, idDisplay } = options;
  const feed = openStubFeed(clock, stopping);
  const services = {
    driverId: openDriverIds(clock, idDisplay),
    incrementalUpdates: openIncrementalUpdatesService({ feed, regions: REGIONS }),
    diagnostics: {
      ...openDiagnosticsService({ feed, inForce: () => inForce, texts: options.texts, clock }),
      explainDriver: examplesOf(DiagnosticsService)['explainDriver'],
    } as Services['diagnostics'],
    statusIngest: openStatusIngestService({ takeEvents: (events) => Promise.resolve(takeEvents(events, clock.now())) }),
    operations: examplesOf(OperationsService) as Services['operations'],
    policy: examplesOf(PolicyService) as Services['policy'],
    supply: examplesOf(SupplyService) as Services['supply'],
  };
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => [name, scripted(service as Implementation, clock)]),
  ) as Services;
}

/** No policy was ever put: everything is observed. */
const inForce = inForceOf(
  create(PolicyInForceSchema, {
    policy: { maxDataAge: durationFromMs(60_000) },
    regions: REGIONS.map(({ id, on, tariffs }) => ({ region: id, on, tariffs: [...tariffs] })),
  }),
);

// biome-ignore lint/suspicious/noExplicitAny: each method has types of its own, and here they are treated alike
type Implementation = Record<string, (request: any, context: HandlerContext) => unknown>;

/** The same methods, each of which first does what the request's words ask for. */
function scripted(service: Implementation, clock: Clock): Implementation {
  const play = async (request: unknown, context: HandlerContext) => {
    const script = scriptOf(request, context);
    if (script?.kind === 'refuse') throw refuse(script.reason);
    if (script?.kind === 'slow') await clock.sleep(SLOW_MS, context.signal);
    context.signal.throwIfAborted();
  };
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      (request: unknown, context: HandlerContext) =>
        context.method.methodKind === 'server_streaming'
          ? stream(play, method, request, context)
          : play(request, context).then(() => method(request, context)),
    ]),
  );
}

async function* stream(
  play: (request: unknown, context: HandlerContext) => Promise<void>,
  method: Implementation[string],
  request: unknown,
  context: HandlerContext,
) {
  await play(request, context);
  yield* method(request, context) as AsyncIterable<unknown>;
}

function scriptOf(request: unknown, { requestHeader, values }: HandlerContext): Script | undefined {
  const asked = request as { driverId?: unknown; deptransId?: unknown };
  const caller = requestHeader.has('x-yataxi-driver-profile-id') ? driverIdOf(values) : undefined;
  const words = [requestHeader.get('x-stub-answer'), caller, asked.driverId];
  for (const word of words) if (typeof word === 'string' && WORDS.has(word)) return WORDS.get(word);
  return typeof asked.deptransId === 'string' ? IDS.get(asked.deptransId) : undefined;
}

function driverIdOf(values: HandlerContext['values']): string | undefined {
  try {
    return driverOf(values).driverId;
  } catch {
    return undefined;
  }
}

/** A driver's id: what he has bound here, else what the table says of him; for anybody else, none. */
function openDriverIds(clock: Clock, idDisplay: IdDisplay): Services['driverId'] {
  const startedAt = clock.now();
  const bound = new Map<string, { deptransId: DeptransId; updatedAtMs: number }>();
  const show = (key: string, driverId: string) => {
    const own = bound.get(key);
    const binding = own ? { ...own, state: 'bound' as const } : (idFactsOf(driverId, startedAt)?.binding ?? null);
    return { id: driverIdMessage(binding, idDisplay) };
  };
  return {
    getDriverId(_, { values }) {
      const { parkId, driverId } = driverOf(values);
      return show(`${parkId}/${driverId}`, driverId);
    },
    setDriverId({ deptransId }, { values }) {
      const { parkId, driverId } = driverOf(values);
      const wanted = parseDeptransId(deptransId);
      if (!wanted) throw refuse('ID_MALFORMED', { fields: [{ field: 'deptrans_id', description: '1 to 20 digits' }] });
      if (bound.size >= MAX_BOUND) bound.clear();
      bound.set(`${parkId}/${driverId}`, { deptransId: wanted, updatedAtMs: clock.now() });
      return show(`${parkId}/${driverId}`, driverId);
    },
  };
}

function takeEvents(events: readonly ContractorStatusEvent[], now: number): TakenEvents {
  const rejected = events.flatMap(({ parkId, driverId, status, eventAt }, index): TakenEvents['rejected'] => {
    if (!parkId || !driverId) return [{ index, reason: 'BAD_KEY' }];
    if (status === 0) return [{ index, reason: 'BAD_STATUS' }];
    if (!eventAt) return [{ index, reason: 'BAD_TIME' }];
    return timestampMs(eventAt) > now + 60_000 ? [{ index, reason: 'TIME_IN_FUTURE' }] : [];
  });
  return { accepted: events.length - rejected.length, duplicate: 0, outdated: 0, rejected };
}

/** For those who read and do not decide by it: a filled answer to everything. */
function examplesOf(service: DescService): Implementation {
  const answer = (output: DescMessage, isStream: boolean) =>
    isStream
      ? async function* () {
          yield await Promise.resolve(exampleOf(output));
        }
      : () => exampleOf(output);
  return Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      answer(method.output, method.methodKind === 'server_streaming'),
    ]),
  );
}
