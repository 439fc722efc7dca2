import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type DifferenceSchema,
  Exchange_Kind,
  type ExchangeSchema,
  ExplainResponse_Standing,
  type ExplainResponseSchema,
  type ParkedAccountSchema,
  type QuarantinedEventSchema,
  type StatusResponseSchema,
} from '../../gen/deptrans/v1/operations_pb.ts';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { RejectedEvent_Reason } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { type DeptransId, displayId } from '../domain/binding.ts';
import type { DriverStatus } from '../domain/driver-status.ts';
import type { DeliveryPause } from '../store/delivery-pause.ts';
import type { Difference } from '../store/drift.ts';
import type { Exchange } from '../store/operations-exchanges.ts';
import type { DriverFacts } from '../store/operations-explain.ts';
import type { ParkedAccount } from '../store/operations-parked.ts';
import type { QuarantinedEvent } from '../store/operations-quarantine.ts';
import type { ServiceStatus } from '../store/operations-status.ts';
import type { Explanation, Standing } from './explanation.ts';

/** What is read for operators, as the contract's messages. Ids leave masked, tokens of people not at all. */
export function statusMessage(status: ServiceStatus): MessageInitShape<typeof StatusResponseSchema> {
  const { regulator, pause, balance, feed } = status;
  const waiting = (isParked: boolean) =>
    mostFirst(balance.waiting.filter(({ parked }) => parked === isParked)).map(({ reason, n }) => ({
      reason,
      count: BigInt(n),
    }));
  return {
    at: timestampFromDate(status.at),
    regulator: {
      up: regulator.up,
      probes: regulator.probes,
      ...at('since', regulator.since),
      ...(regulator.rate !== null && { allowedRate: Math.round(regulator.rate * 100) / 100 }),
    },
    ...(pause && { pause: pauseMessage(pause) }),
    oldestPending: durationFromMs(Math.round(status.oldestPendingMs)),
    balance: {
      taken: BigInt(balance.taken),
      ended: mostFirst(balance.ended).map(({ outcome, reason, n }) => ({ outcome, reason, count: BigInt(n) })),
      pending: waiting(false),
      parked: waiting(true),
      difference: BigInt(balance.difference),
    },
    parkedAccounts: status.parkedAccounts.map(({ reason, n }) => ({ reason, count: BigInt(n) })),
    mirror: status.mirror.map(({ stream, complete, reloading, ageMs }) => ({
      stream,
      complete,
      reloading,
      ...(ageMs !== null && { age: durationFromMs(Math.round(ageMs)) }),
    })),
    regions: status.regions.map(({ openAccounts, ...region }) => ({ ...region, openAccounts: BigInt(openAccounts) })),
    feed: { headSeq: BigInt(feed.headSeq), ...at('headAt', feed.headAt) },
  };
}

function mostFirst<T extends { n: number }>(counts: readonly T[]): T[] {
  return counts.toSorted((a, b) => b.n - a.n);
}

export function explainMessage(
  explanation: Explanation,
  { status, account, lastAccepted }: DriverFacts,
): MessageInitShape<typeof ExplainResponseSchema> {
  const { standing, ...told } = explanation;
  return {
    ...told,
    standing: STANDINGS[standing],
    ...(status && { status: STATUSES[status.status], statusAt: timestampFromDate(status.eventAt) }),
    ...(account && {
      account: {
        deptransId: mask(account.look.account.deptransId),
        connected: account.look.account.believed,
        doubt: account.look.account.doubt,
        region: account.look.account.region ?? '',
        parkedReason: account.look.account.parkedReason ?? '',
        ...at('dueAt', account.dueAt),
        settledAt: timestampFromDate(account.settledAt),
      },
    }),
    ...(lastAccepted && {
      lastAccepted: {
        connected: lastAccepted.direction === 'connected',
        acceptedAt: timestampFromDate(lastAccepted.acceptedAt),
        region: lastAccepted.region ?? '',
        ...at('happenedAt', lastAccepted.happenedAt),
      },
    }),
  };
}

export function parkedMessage(account: ParkedAccount): MessageInitShape<typeof ParkedAccountSchema> {
  const { deptransId, drivers, reason, until, refusals } = account;
  return { deptransId: mask(deptransId), drivers, reason, refusals, ...at('parkedUntil', until) };
}

export function quarantinedMessage(event: QuarantinedEvent): MessageInitShape<typeof QuarantinedEventSchema> {
  const { id, reason, offset, ...rest } = event;
  return {
    ...rest,
    id: BigInt(id),
    reason: reasonNumber(reason),
    at: timestampFromDate(event.at),
    offset: BigInt(offset),
  };
}

/** The contract's number of a reason word; 0 for one that an older version wrote. */
export function reasonNumber(reason: string): RejectedEvent_Reason {
  return REASONS.get(reason) ?? RejectedEvent_Reason.UNSPECIFIED;
}

const REASONS: ReadonlyMap<string, RejectedEvent_Reason> = new Map(Object.entries(RejectedEvent_Reason));

export function pauseMessage({ since, pausedBy, reason }: DeliveryPause) {
  return { since: timestampFromDate(since), pausedBy, reason };
}

export function differenceMessage(found: Difference): MessageInitShape<typeof DifferenceSchema> {
  const { drivers, accountMark, connected, sessionStatus } = found;
  return {
    at: timestampFromDate(found.at),
    drivers,
    accountMark,
    connected,
    sessionStatus: sessionStatus ?? '',
    ...at('sessionEnd', found.sessionEnd),
  };
}

export function exchangeMessage(line: Exchange): MessageInitShape<typeof ExchangeSchema> {
  return {
    at: timestampFromDate(line.at),
    kind: KINDS[line.kind],
    ...(line.parkId !== null && line.driverId !== null && { driver: { parkId: line.parkId, driverId: line.driverId } }),
    accountMark: line.accountMark ?? '',
    direction: line.direction ?? '',
    outcome: line.outcome ?? '',
    reason: line.reason ?? '',
    region: line.region ?? '',
    sessionStatus: line.sessionStatus ?? '',
    ...at('happenedAt', line.happenedAt),
    ...at('receivedAt', line.receivedAt),
    ...at('sentAt', line.sentAt),
    ...at('answeredAt', line.answeredAt),
    ...at('sessionEnd', line.sessionEnd),
  };
}

/** A field with a time, or none. */
function at<Name extends string>(name: Name, date: Date | null) {
  return (date && { [name]: timestampFromDate(date) }) as Record<Name, ReturnType<typeof timestampFromDate>> | null;
}

function mask(deptransId: string): string {
  return displayId(deptransId as DeptransId, 'masked');
}

const STANDINGS = {
  unknown: ExplainResponse_Standing.UNKNOWN,
  settled: ExplainResponse_Standing.SETTLED,
  pending: ExplainResponse_Standing.PENDING,
  filtered: ExplainResponse_Standing.FILTERED,
  parked: ExplainResponse_Standing.PARKED,
} as const satisfies Record<Standing, ExplainResponse_Standing>;

const STATUSES = {
  offline: ContractorStatus.OFFLINE,
  online: ContractorStatus.ONLINE,
  busy: ContractorStatus.BUSY,
} as const satisfies Record<DriverStatus, ContractorStatus>;

const KINDS = {
  transition: Exchange_Kind.TRANSITION,
  binding: Exchange_Kind.BINDING,
  intent: Exchange_Kind.INTENT,
  outcome: Exchange_Kind.OUTCOME,
  lookup: Exchange_Kind.LOOKUP,
} as const satisfies Record<Exchange['kind'], Exchange_Kind>;
