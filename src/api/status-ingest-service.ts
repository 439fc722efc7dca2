import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ContractorStatusEvent,
  RejectedEvent_Reason,
  type StatusIngestService,
} from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { isDatabaseAway } from '../store/database.ts';
import { refuse } from './errors.ts';

/** What became of pushed events: the counts and the refused ones sum up to the events given. */
export type TakenEvents = {
  accepted: number;
  duplicate: number;
  outdated: number;
  /** `index`: the place in what was given. */
  rejected: readonly { index: number; reason: Exclude<keyof typeof RejectedEvent_Reason, 'UNSPECIFIED'> }[];
};

export type StatusIngestOptions = {
  /** Stores events durably, all or none. Throws if the database is away. `signal`: the caller has left, so it need not begin. */
  takeEvents(events: readonly ContractorStatusEvent[], signal: AbortSignal): Promise<TakenEvents>;
};

const MAX_EVENTS = 10_000;

/** The push way of the intake: events are judged one by one and stored together. */
export function openStatusIngestService({ takeEvents }: StatusIngestOptions): ServiceImpl<typeof StatusIngestService> {
  return {
    async reportStatuses({ events }, { signal }) {
      if (events.length === 0 || events.length > MAX_EVENTS) {
        const description = `1 to ${MAX_EVENTS} events`;
        throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'events', description }] });
      }
      const { rejected, ...counts } = await takeEvents(events, signal).catch((error: unknown) => {
        throw isDatabaseAway(error) ? refuse('SERVICE_DEGRADED') : error;
      });
      return {
        ...counts,
        rejected: rejected.map(({ index, reason }) => ({ index, reason: RejectedEvent_Reason[reason] })),
      };
    },
  };
}
