import { type DescMethod, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { Health } from '../../gen/health/v1/health_pb.ts';

const drivers = [
  { parkId: 'p', driverId: 'pass' },
  { parkId: 'p', driverId: 'nobody' },
];
/** What is asked of each method; the others get an empty message. */
const REQUESTS: Record<string, object> = {
  SetDriverId: { deptransId: '0012345678', idempotencyKey: 'Ключ' },
  ListIdUpdates: { limit: 3 },
  ListStatusUpdates: { limit: 3, regions: ['moscow'] },
  CheckDriver: { ...drivers[0], region: 'moscow', categories: ['econom'] },
  CheckDrivers: { drivers },
  GetDriverIds: { drivers },
  ReportStatuses: { events: [{ parkId: 'p', driverId: 'd', status: 1 }, {}] },
};
/** Frames of a stream that are looked at: of a watch of the feed its beginning, of a watch of health all there is. */
export const framesOf = ({ parent }: DescMethod) => (parent === Health ? 1 : 4);
const HEADERS = { 'x-yataxi-park-id': 'park-1', 'x-yataxi-driver-profile-id': 'pass' };
const ENGINEER = { 'x-caller': 'tester' };

const services = [
  DriverIdService,
  IncrementalUpdatesService,
  DiagnosticsService,
  StatusIngestService,
  OperationsService,
  PolicyService,
  SupplyService,
  Health,
];
/** Every method that the edge serves, but reflection. */
export const methods = services.flatMap((service): DescMethod[] => service.methods);

export const requestOf = ({ name }: DescMethod): object => REQUESTS[name] ?? {};

export const headersOf = (method: DescMethod) => (method.parent === DriverIdService ? HEADERS : ENGINEER);

/** What a call came to: the answers as JSON, of a stream the first few, and how it was refused. */
export async function callBy(
  transport: Transport,
  method: DescMethod,
  more: Record<string, string> = {},
): Promise<JsonValue> {
  const request = requestOf(method);
  const header = new Headers({ ...headersOf(method), ...more });
  const answers: Message[] = [];
  try {
    if (method.methodKind === 'unary') {
      answers.push((await transport.unary(method as never, undefined, undefined, header, request as never)).message);
    } else {
      const input = createAsyncIterable([request as never]);
      const { message } = await transport.stream(method as never, undefined, undefined, header, input);
      for await (const frame of message) if (answers.push(frame) === framesOf(method)) break;
    }
  } catch (error) {
    return outcomeOf(method, answers, error);
  }
  return outcomeOf(method, answers, null);
}

/** Answers, and how it ended, as `callBy` says it. */
export function outcomeOf(method: DescMethod, answers: Message[], error: unknown): JsonValue {
  const shown = answers.map((answer) => toJson(method.output, answer));
  if (!error) return { answers: shown };
  const refusal = ConnectError.from(error);
  const reason = refusal.findDetails(ErrorInfoSchema)[0]?.reason ?? '';
  return { answers: shown, refused: `${Code[refusal.code]} ${reason}` };
}
