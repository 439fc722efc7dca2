import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { type ContractorStatusEvent, ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { EventMessage } from './outbox.ts';

const statuses = {
  offline: ContractorStatus.OFFLINE,
  online: ContractorStatus.ONLINE,
  busy: ContractorStatus.BUSY,
} as const;

/** The event as the contract writes it. */
export function toContractorEvent({ profile, status, atMs }: EventMessage): ContractorStatusEvent {
  return create(ContractorStatusEventSchema, {
    parkId: profile.parkId,
    driverId: profile.driverId,
    status: statuses[status],
    eventAt: timestampFromMs(atMs),
  });
}
