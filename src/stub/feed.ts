import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DriverId_State } from '../../gen/deptrans/v1/driver_id_pb.ts';
import {
  Hello_Mode,
  ListIdUpdatesResponseSchema,
  ListStatusUpdatesResponseSchema,
  Reset_Reason,
  WatchIdsResponseSchema,
  type WatchStatusesResponse,
  WatchStatusesResponseSchema,
} from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { SessionStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { decodeCursor, encodeCursor, filterHash, resetReason, type StreamKind } from '../domain/cursor.ts';
import { ENVELOPE_BYTES, type Feed, FeedRefusal, type Frame } from '../feed/feed.ts';
import type { Clock } from '../runtime/clock.ts';
import { factsOf, idFactsOf } from './scripts.ts';

const DRIVERS = 10;
const FIRST_SEQ = 1_000;
const EPOCH = '5'.repeat(16);
const CHANGE_MS = 1_000;
const RESETS = {
  epoch: Reset_Reason.EPOCH,
  cursor_too_old: Reset_Reason.CURSOR_TOO_OLD,
  filter_changed: Reset_Reason.FILTER_CHANGED,
} as const;

/**
 * A feed without a database that moves: ten drivers of `park-1`, of whom one changes each second, in turn. Which change has which number
 * depends on nothing but the time since the start, so any cursor of this process goes on. Frames have no digests.
 */
export function openStubFeed(
  clock: Clock,
  stopping: AbortSignal,
): Pick<Feed, 'watch' | 'list' | 'lookup' | 'lookupId' | 'head' | 'sourceAgeMs'> {
  const startedAt = clock.now();
  const head = () => FIRST_SEQ + Math.floor((clock.now() - startedAt) / CHANGE_MS);
  const admit = (kind: StreamKind, cursor: Uint8Array, regions: readonly string[]) => {
    const filter = filterHash(kind, [...new Set(regions)].sort());
    const cursorAt = (seq: number) => encodeCursor({ epoch: EPOCH, seq, filter });
    if (cursor.length === 0) return { from: 0, reset: null, cursorAt };
    const known = decodeCursor(cursor);
    if (!known) throw new FeedRefusal('CURSOR_MALFORMED');
    if (known.seq > head()) throw new FeedRefusal('CURSOR_AHEAD');
    const reset = resetReason(known, { epoch: EPOCH, floor: 0, filter });
    return { from: reset ? 0 : known.seq, reset, cursorAt };
  };
  const records = (kind: StreamKind, after: number, through: number, regions: readonly string[]) => {
    if (kind === 'statuses' && regions.length > 0 && !regions.includes('moscow')) return [];
    const first = Math.max(after + 1, through - DRIVERS + 1);
    return Array.from({ length: Math.max(0, through - first + 1) }, (_, i) => recordOf(kind, first + i, startedAt));
  };

  return {
    async *watch(kind, { cursor, regions }, signal) {
      const { from, reset, cursorAt } = admit(kind, cursor, regions);
      const ending = AbortSignal.any([signal, stopping]);
      const send = (frame: Content) => frameOf(kind, frame);
      let position = head();
      const changes = (prev: number) =>
        send({
          case: 'changes',
          value: {
            prevSeq: BigInt(prev),
            throughSeq: BigInt(position),
            records: records(kind, prev, position, regions),
            cursor: cursorAt(position),
          },
        });
      const mode = from === 0 ? Hello_Mode.SNAPSHOT : Hello_Mode.RESUME;
      const headSeq = BigInt(position);
      yield send({
        case: 'hello',
        value: { epoch: EPOCH, headSeq, mode, heartbeatIntervalMs: CHANGE_MS, serverInstance: 'stub' },
      });
      if (reset) yield send({ case: 'reset', value: { reason: RESETS[reset] } });
      if (from === 0)
        yield send({ case: 'snapshotBegin', value: { id: 'stub', asOfSeq: headSeq, rowCount: BigInt(DRIVERS) } });
      yield changes(from);
      if (from === 0) yield send({ case: 'snapshotEnd', value: { id: 'stub', cursor: cursorAt(position) } });
      while (!ending.aborted) {
        await clock.sleep(CHANGE_MS, ending);
        const before = position;
        position = head();
        if (position > before) yield changes(before);
        const at = { throughSeq: BigInt(position), cursor: cursorAt(position) };
        yield send({ case: 'heartbeat', value: at });
      }
      signal.throwIfAborted();
      yield send({ case: 'goAway', value: { reconnectAfterMs: 500, cursor: cursorAt(position) } });
      throw new FeedRefusal('SHUTTING_DOWN');
    },

    async list(kind, { cursor, limit, waitMs, regions }, signal) {
      const { from, reset, cursorAt } = admit(kind, cursor, regions);
      if (from === head()) await clock.sleep(Math.min(waitMs, CHANGE_MS), AbortSignal.any([signal, stopping]));
      const all = records(kind, from, head(), regions);
      const page = all.slice(0, limit);
      const hasMore = page.length < all.length;
      const through = hasMore ? Number(page.at(-1)!.seq) : head();
      const rest = { cursor: cursorAt(through), hasMore, reset: reset !== null, throughSeq: BigInt(through) };
      return kind === 'ids'
        ? toBinary(ListIdUpdatesResponseSchema, create(ListIdUpdatesResponseSchema, { ids: page as never, ...rest }))
        : toBinary(
            ListStatusUpdatesResponseSchema,
            create(ListStatusUpdatesResponseSchema, { statuses: page as never, ...rest }),
          );
    },

    lookup: (parkId, driverId) => factsOf(parkId, driverId, startedAt),
    lookupId: (_parkId, driverId) => idFactsOf(driverId, startedAt),
    head,
    sourceAgeMs: () => 0,
  };
}

/** The record of the change `seq`: the driver whose turn it was, bound or on line in every second of his turns. */
function recordOf(kind: StreamKind, seq: number, startedAt: number) {
  const no = seq % DRIVERS;
  const isOn = Math.floor(seq / DRIVERS) % 2 === 0;
  const updatedAt = timestampFromMs(startedAt + (seq - FIRST_SEQ) * CHANGE_MS);
  const key = {
    parkId: 'park-1',
    driverId: `driver-${no}`,
    driverLicensePdId: `person-${no}`,
    seq: BigInt(seq),
    updatedAt,
  };
  if (kind === 'ids') {
    const deptransId = isOn ? String(1_000_000 + no) : '';
    return { ...key, bound: isOn, deptransId, state: isOn ? DriverId_State.BOUND : DriverId_State.NOT_BOUND };
  }
  return { ...key, sessionStatus: isOn ? SessionStatus.ONLINE : SessionStatus.FINISHED, region: 'moscow' };
}

type Plain<T> = T extends { case: string; value: infer V }
  ? { case: T['case']; value: Partial<Record<keyof V, unknown>> }
  : never;
type Content = Plain<WatchStatusesResponse['frame']>;

/** With the envelope in front, as the feed gives it. */
function frameOf(kind: StreamKind, frame: Content): Frame {
  const message =
    kind === 'ids'
      ? toBinary(WatchIdsResponseSchema, create(WatchIdsResponseSchema, { frame: frame as never }))
      : toBinary(WatchStatusesResponseSchema, create(WatchStatusesResponseSchema, { frame: frame as never }));
  const bytes = Buffer.alloc(ENVELOPE_BYTES + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, ENVELOPE_BYTES);
  return bytes;
}
