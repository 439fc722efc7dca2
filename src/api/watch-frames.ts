import type { DescMethod, Message } from '@bufbuild/protobuf';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { FrameStream } from './frame-handler.ts';
import { checkRegions, type IncrementalUpdatesOptions, refused } from './incremental-updates-service.ts';

const { watchIds, watchStatuses } = IncrementalUpdatesService.method;
type Request<Method extends DescMethod> = Message & { cursor: Uint8Array; regions?: string[] } & {
  $typeName: Method['input']['typeName'];
};

/** The watches as frames that were encoded once for all who follow: the same as the service gives, without making messages of them. */
export function openWatchFrames({ feed, regions }: IncrementalUpdatesOptions): ReadonlyMap<DescMethod, FrameStream> {
  const configured = new Set(regions.map(({ id }) => id));
  return new Map<DescMethod, FrameStream>([
    [
      watchIds,
      (request, signal) => {
        const { cursor } = request as Request<typeof watchIds>;
        return refusing(feed.watch('ids', { cursor, regions: [] }, signal));
      },
    ],
    [
      watchStatuses,
      (request, signal) => {
        const { cursor, regions: asked = [] } = request as Request<typeof watchStatuses>;
        checkRegions(asked, configured);
        return refusing(feed.watch('statuses', { cursor, regions: asked }, signal));
      },
    ],
  ]);
}

/** The same frames, with refusals in the API's words. No generator: there is one step for each frame of each subscriber. */
function refusing(frames: AsyncGenerator<Uint8Array, void, void>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => frames.next().catch(refused),
      return: () => frames.return() as Promise<IteratorReturnResult<undefined>>,
    }),
  };
}
