import { clone, createFileRegistry, type DescFile, type DescService } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Type, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { IncrementalUpdatesService } from '../gen/deptrans/v1/incremental_updates_pb.ts';
import type { PolicyInForce } from '../gen/deptrans/v1/policy_pb.ts';

/** Fields that come by the thousand, and are read by hand from their bytes. */
const AS_BYTES: Readonly<Record<string, string>> = {
  WatchIdsResponse: 'changes',
  WatchStatusesResponse: 'changes',
  ListIdUpdatesResponse: 'ids',
  ListStatusUpdatesResponse: 'statuses',
};

/**
 * The contract's IncrementalUpdatesService with changes and records as plain bytes: the wire is the same, and the usual client gives them
 * as they came, without an object for each record.
 */
export function openFeedView(): DescService {
  const { file } = IncrementalUpdatesService;
  const proto = clone(FileDescriptorProtoSchema, file.proto);
  for (const { name, field } of proto.messageType) {
    for (const one of field) {
      if (one.name !== AS_BYTES[name]) continue;
      one.type = FieldDescriptorProto_Type.BYTES;
      one.typeName = '';
    }
  }
  const known = new Map<string, DescFile>();
  const collect = (one: DescFile): void => {
    for (const dependency of one.dependencies) {
      known.set(dependency.proto.name, dependency);
      collect(dependency);
    }
  };
  collect(file);
  const registry = createFileRegistry(proto, (name) => known.get(name));
  return registry.getService(IncrementalUpdatesService.typeName)!;
}

/** A frame of either stream, as the view gives it. */
export type Frame =
  | { case: 'hello'; value: { epoch: string; headSeq: bigint; mode: number; heartbeatIntervalMs: number } }
  | { case: 'reset'; value: { reason: number } }
  | { case: 'snapshotBegin'; value: { rowCount: bigint } }
  | { case: 'snapshotEnd'; value: { cursor: Uint8Array; digest?: DigestBytes } }
  | { case: 'changes'; value: Uint8Array }
  | { case: 'heartbeat'; value: { throughSeq: bigint; cursor: Uint8Array; sourceAgeMs: bigint; digest?: DigestBytes } }
  | { case: 'goAway'; value: { reconnectAfterMs: number; cursor: Uint8Array } }
  | { case: 'policy'; value: PolicyInForce }
  | { case: undefined; value?: undefined };

export type DigestBytes = { sums: Uint8Array; counts: Uint8Array };

export type Page = { records: readonly Uint8Array[]; cursor: Uint8Array; hasMore: boolean; throughSeq: bigint };

type Watch = (request: { cursor: Uint8Array }, options: { signal: AbortSignal }) => AsyncIterable<{ frame: Frame }>;
type ListRequest = { cursor: Uint8Array; limit: number; bucket: number };
type List<Field extends string> = (
  request: ListRequest,
  options: { signal: AbortSignal; timeoutMs: number },
) => Promise<Omit<Page, 'records'> & Readonly<Record<Field, readonly Uint8Array[]>>>;

/** The client of a view. */
export type FeedClient = {
  watchIds: Watch;
  watchStatuses: Watch;
  listIdUpdates: List<'ids'>;
  listStatusUpdates: List<'statuses'>;
};
