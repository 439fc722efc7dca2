import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type IncrementalUpdatesService,
  ListIdUpdatesResponseSchema,
  ListStatusUpdatesResponseSchema,
  WatchIdsResponseSchema,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { ENVELOPE_BYTES, type Feed, FeedRefusal, type Frame, type ListRequest } from '../feed/feed.ts';
import { refuse } from './errors.ts';

export type IncrementalUpdatesOptions = {
  feed: Pick<Feed, 'watch' | 'list'>;
  /** The regions that are configured: what a filter may name. */
  regions: readonly { id: string }[];
};

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
const MAX_WAIT_MS = 30_000;

/** Ids and shifts for those who keep a copy of them: the feed, with requests checked and refusals in the contract's words. */
export function openIncrementalUpdatesService(
  options: IncrementalUpdatesOptions,
): ServiceImpl<typeof IncrementalUpdatesService> {
  const { feed } = options;
  const configured = new Set(options.regions.map(({ id }) => id));
  return {
    watchIds: ({ cursor }, { signal }) =>
      typed(WatchIdsResponseSchema, feed.watch('ids', { cursor, regions: [] }, signal)),

    watchStatuses({ cursor, regions }, { signal }) {
      checkRegions(regions, configured);
      return typed(WatchStatusesResponseSchema, feed.watch('statuses', { cursor, regions }, signal));
    },

    async listIdUpdates(request, { signal }) {
      const page = await feed.list('ids', pageOf(request, []), signal).catch(refused);
      return fromBinary(ListIdUpdatesResponseSchema, page);
    },

    async listStatusUpdates(request, { signal }) {
      checkRegions(request.regions, configured);
      const page = await feed.list('statuses', pageOf(request, request.regions), signal).catch(refused);
      return fromBinary(ListStatusUpdatesResponseSchema, page);
    },
  };
}

async function* typed<Desc extends DescMessage>(
  schema: Desc,
  frames: AsyncIterable<Frame>,
): AsyncGenerator<MessageShape<Desc>, void, void> {
  try {
    for await (const frame of frames) yield fromBinary(schema, frame.subarray(ENVELOPE_BYTES));
  } catch (error) {
    refused(error);
  }
}

type PageRequest = {
  cursor: Uint8Array;
  updatedAfter?: Timestamp | undefined;
  limit: number;
  waitMs: number;
  bucket?: number | undefined;
};

function pageOf(request: PageRequest, regions: readonly string[]): ListRequest {
  const { cursor, updatedAfter, limit, waitMs, bucket = null } = request;
  if (limit > MAX_LIMIT) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'limit', description: `at most ${MAX_LIMIT}` }] });
  }
  if (waitMs > MAX_WAIT_MS) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'wait_ms', description: `at most ${MAX_WAIT_MS}` }] });
  }
  if (bucket !== null && bucket > 255) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'bucket', description: '0 to 255' }] });
  }
  const updatedAfterMs = updatedAfter ? timestampMs(updatedAfter) : null;
  return { cursor, updatedAfterMs, limit: limit || DEFAULT_LIMIT, waitMs, regions, bucket };
}

/** Refuses a filter that names what is not configured. */
export function checkRegions(regions: readonly string[], configured: ReadonlySet<string>): void {
  if (regions.every((region) => configured.has(region))) return;
  throw refuse('FILTER_UNKNOWN', { fields: [{ field: 'regions', description: 'names of configured regions' }] });
}

/** A refusal of the feed in the contract's words; any other error as it is. */
export function refused(error: unknown): never {
  if (!(error instanceof FeedRefusal)) throw error;
  const { reason, retryAfterMs } = error;
  throw refuse(reason, retryAfterMs === undefined ? {} : { retryAfterMs });
}
