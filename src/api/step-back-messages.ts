import { durationFromMs, type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { StepBackReason } from '../../gen/deptrans/v1/policy_pb.ts';
import type { StoredReading } from '../store/region-readings.ts';
import type { StepBack, StepBackReason as Word } from '../store/step-backs.ts';

const NUMBERS: Record<Word, StepBackReason> = {
  lost_share: StepBackReason.LOST_SHARE,
  unknown_share: StepBackReason.UNKNOWN_SHARE,
  data_age: StepBackReason.DATA_AGE,
  regulator_down: StepBackReason.REGULATOR_DOWN,
  no_reading: StepBackReason.NO_READING,
};

export function stepBackMessage(of: StepBack) {
  const { fromAt, toAt, calmSince, reading, endedBy, endReason } = of;
  return {
    region: of.region,
    fromTime: timestampFromDate(fromAt),
    ...timeIf('toTime', toAt),
    reason: NUMBERS[of.reason],
    ...(reading !== null && { reading }),
    limit: of.limit,
    connected: of.connected,
    policyVersion: BigInt(of.policyVersion),
    ...timeIf('calmSince', calmSince),
    needsOperator: of.needsOperator,
    endedBy: endedBy ?? '',
    endReason: endReason ?? '',
  };
}

export function readingMessage({ region, at, connected, lost, unknown, dataAgeMs }: StoredReading) {
  return { region, readAt: timestampFromDate(at), connected, lost, unknown, dataAge: durationFromMs(dataAgeMs) };
}

function timeIf<K extends string>(key: K, date: Date | null): { [P in K]?: Timestamp } {
  return (date ? { [key]: timestampFromDate(date) } : {}) as { [P in K]?: Timestamp };
}
