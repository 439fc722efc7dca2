import { create, type DescMessage, type DescMethod, fromBinary, toBinary, toJsonString } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { CheckDriversRequestSchema, DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema, StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { Random } from '../../simulator/random.ts';
import { decodeBinary, decodeJson } from '../../src/api/decode.ts';
import { decodeQuery } from '../../src/api/transcoding-query.ts';
import { decodeCursor, encodeCursor } from '../../src/domain/cursor.ts';
import { decodeMessage } from '../../src/intake/decode.ts';
import { exampleOf } from '../../src/stub/example.ts';
import { mutated, randomBytes } from './bytes.ts';

/** What takes bytes of strangers. `tryOne` throws if they did what they must not. */
export type Target = { readonly name: string; tryOne(random: Random): void };

const EVENT = create(ContractorStatusEventSchema, {
  parkId: 'park',
  driverId: 'driver',
  status: ContractorStatus.ONLINE,
  eventAt: { seconds: 1_763_900_000n, nanos: 1 },
});

const services = [
  DriverIdService,
  IncrementalUpdatesService,
  DiagnosticsService,
  StatusIngestService,
  OperationsService,
  PolicyService,
];
const methods = services.flatMap((service): DescMethod[] => service.methods);
const inputs = [...new Set(methods.map(({ input }) => input))];
const samples = new Map(inputs.map((type) => [type, exampleOf(type)]));
const pages = [IncrementalUpdatesService.method.listIdUpdates, IncrementalUpdatesService.method.listStatusUpdates];

/** A decoder may refuse, with a reason and nothing of what it was given; it may not throw anything else. What it takes can be written again. */
function decodes(schema: DescMessage, decode: () => unknown): void {
  let message: unknown;
  try {
    message = decode();
  } catch (error) {
    if (error instanceof ConnectError && error.details.length > 0) return;
    throw error;
  }
  fromBinary(schema, toBinary(schema, message as never));
}

const someBytes = (random: Random, good: () => Uint8Array) =>
  random.chance(0.3) ? randomBytes(random, 200) : mutated(random, good());

export const targets: readonly Target[] = [
  {
    name: 'binary',
    tryOne(random) {
      const schema = random.pick(inputs);
      const bytes = someBytes(random, () => toBinary(schema, samples.get(schema)!));
      decodes(schema, () => decodeBinary(schema, bytes));
    },
  },
  {
    name: 'json',
    tryOne(random) {
      const schema = random.pick(inputs);
      const bytes = someBytes(random, () => Buffer.from(toJsonString(schema, samples.get(schema)!)));
      decodes(schema, () => decodeJson(schema, bytes));
    },
  },
  {
    name: 'query',
    tryOne(random) {
      const { input } = random.pick(pages);
      const good =
        'cursor=AVVVVVVVVVVVAAAAAAAAA-JL8B4RpXShsg&updated_after=2026-01-01T00%3A00%3A00Z&limit=10&waitMs=5&regions=moscow&bucket=3';
      const query = someBytes(random, () => Buffer.from(good)).toString(random.chance(0.5) ? 'latin1' : 'utf8');
      decodes(input, () => decodeQuery(input, new URLSearchParams(query)));
    },
  },
  {
    name: 'cursor',
    tryOne(random) {
      const seq = random.int(2 ** 31);
      const good = encodeCursor({ epoch: '0123456789abcdef', seq, filter: random.int(2 ** 31) });
      const bytes = random.chance(0.1) ? good : someBytes(random, () => good);
      const cursor = decodeCursor(bytes);
      // What is taken for a cursor is one: it is written as it came.
      if (cursor && !encodeCursor(cursor).every((byte, i) => byte === bytes[i]))
        throw new Error('not a cursor of ours');
    },
  },
  {
    name: 'topic',
    tryOne(random) {
      const json = '{"park_id":"park","driver_id":"driver","status":"busy","event_at":"2025-11-23T12:13:20.123Z"}';
      const good = () => (random.chance(0.5) ? Buffer.from(json) : toBinary(ContractorStatusEventSchema, EVENT));
      const told = decodeMessage(someBytes(random, good));
      if (typeof told === 'object' && (told.parkId === '' || !Number.isFinite(told.eventAtMs)))
        throw new Error('an event without a key or a time');
    },
  },
  {
    name: 'batch',
    tryOne(random) {
      const drivers = Array.from({ length: random.int(20) }, (_, i) => ({ parkId: `p${i}`, driverId: `d${i}` }));
      const message = create(CheckDriversRequestSchema, { drivers });
      const bytes = someBytes(random, () => toBinary(CheckDriversRequestSchema, message));
      decodes(CheckDriversRequestSchema, () => decodeBinary(CheckDriversRequestSchema, bytes));
    },
  },
];
