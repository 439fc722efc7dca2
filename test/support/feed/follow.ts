import { fromBinary } from '@bufbuild/protobuf';
import {
  WatchIdsResponseSchema,
  WatchStatusesResponseSchema,
} from '../../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { StreamKind } from '../../../src/domain/cursor.ts';
import type { Feed } from '../../../src/feed/feed.ts';
import { ENVELOPE_BYTES } from '../../../src/feed/frames.ts';
import type { Consumer } from './consumer.ts';

/** Watches from the consumer's cursor on until `done` says so after a frame, and leaves. */
export async function follow(
  feed: Pick<Feed, 'watch'>,
  kind: StreamKind,
  consumer: Consumer,
  done: () => boolean,
  regions: readonly string[] = [],
): Promise<void> {
  const leaving = new AbortController();
  const schema = kind === 'ids' ? WatchIdsResponseSchema : WatchStatusesResponseSchema;
  consumer.reconnect();
  for await (const frame of feed.watch(kind, { cursor: consumer.cursor, regions }, leaving.signal)) {
    consumer.take(fromBinary(schema, frame.subarray(ENVELOPE_BYTES)));
    if (done()) return;
  }
}
