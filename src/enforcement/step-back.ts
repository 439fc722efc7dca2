import { durationMs } from '@bufbuild/protobuf/wkt';
import { EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { RegionPolicy } from '../../gen/deptrans/v1/policy_pb.ts';
import type { RegionReading } from '../store/region-readings.ts';
import type { StepBackReason } from '../store/step-backs.ts';

/**
 * When a region falls back to `warn`, and when it comes back. Pure.
 *
 * A reading beyond its limit is enough to fall: the price of falling once too often is a while of warning, that of waiting is drivers without
 * orders. To come back all readings must stay well below their limits for a while, so that a reading that swings about its limit gives one fall. A
 * region that has come back by itself too often within a day stays until an operator ends it.
 */
export type StepBackLimits = {
  /** Null: none. */
  lostShare: number | null;
  unknownShare: number | null;
  dataAgeMs: number;
  regulatorDownMs: number;
  minConnected: number;
  returnAfterMs: number;
  returnsADay: number;
};

/** Without a reading of what has a limit for so long, it counts as exceeded. Longer than another instance needs to take over the counting. */
export const NO_READING_MS = 30_000;
export const DAY_MS = 24 * 3_600_000;
/** Well below a limit. */
const CALM = 0.8;

/** Whether a region has anything to fall back from. */
export function isStrict(region: RegionPolicy): boolean {
  return region.rules.some(({ mode }) => mode > EnforcementMode.WARN);
}

/** What a region has said of falling back, or would have without saying it. */
export function stepBackOf({ stepBack }: Pick<RegionPolicy, 'stepBack'>, maxDataAgeMs: number): StepBackLimits {
  const { lostShare, unknownShare, dataAge, regulatorDown, minConnected, returnAfter, returnsADay } = stepBack ?? {};
  return {
    lostShare: lostShare ?? null,
    unknownShare: unknownShare ?? null,
    dataAgeMs: dataAge ? durationMs(dataAge) : maxDataAgeMs,
    regulatorDownMs: regulatorDown ? durationMs(regulatorDown) : 60_000,
    minConnected: minConnected ?? 100,
    returnAfterMs: returnAfter ? durationMs(returnAfter) : 600_000,
    returnsADay: returnsADay ?? 2,
  };
}

export type Situation = {
  /** The latest, and how old it is; null: there never was one. */
  reading: (Omit<RegionReading, 'region'> & { ageMs: number }) | null;
  /** For how long no report may reach the regulator. */
  standstillMs: number;
  /** For how long whoever judges has been doing so: a reading cannot be missed for longer. */
  ledMs: number;
};

export type Excess = { reason: StepBackReason; reading: number | null; limit: number };

/** The first limit that is exceeded, each of them taken times `factor`; null: none is. Shares and seconds. */
export function excessOf(limits: StepBackLimits, situation: Situation, factor = 1): Excess | null {
  const { reading, standstillMs, ledMs } = situation;
  const { lostShare, unknownShare, dataAgeMs, regulatorDownMs } = limits;
  const isBeyond = (value: number, limit: number) => value > limit * factor;
  if (isBeyond(standstillMs, regulatorDownMs)) return inSeconds('regulator_down', standstillMs, regulatorDownMs);
  const counts = lostShare !== null || unknownShare !== null;
  const missedMs = Math.min(reading?.ageMs ?? Number.POSITIVE_INFINITY, ledMs);
  if (counts && isBeyond(missedMs, NO_READING_MS)) {
    return inSeconds('no_reading', reading?.ageMs ?? null, NO_READING_MS);
  }
  if (!reading || reading.ageMs > NO_READING_MS) return null;
  if (isBeyond(reading.dataAgeMs, dataAgeMs)) return inSeconds('data_age', reading.dataAgeMs, dataAgeMs);
  if (reading.connected < limits.minConnected) return null;
  const lost = reading.lost / reading.connected;
  if (lostShare !== null && isBeyond(lost, lostShare)) return { reason: 'lost_share', reading: lost, limit: lostShare };
  const unknown = reading.unknown / reading.connected;
  if (unknownShare !== null && isBeyond(unknown, unknownShare)) {
    return { reason: 'unknown_share', reading: unknown, limit: unknownShare };
  }
  return null;
}

function inSeconds(reason: StepBackReason, ms: number | null, limitMs: number): Excess {
  return { reason, reading: ms === null ? null : ms / 1_000, limit: limitMs / 1_000 };
}

/** Whether all is well again after a fall for such a reason. With too few people a share shows nothing, so a region that fell for one waits. */
export function isCalm(limits: StepBackLimits, situation: Situation, reason: StepBackReason): boolean {
  if (excessOf(limits, situation, CALM)) return false;
  const byShare = reason === 'lost_share' || reason === 'unknown_share';
  const counts = limits.lostShare !== null || limits.unknownShare !== null;
  return !(byShare && counts) || (situation.reading?.connected ?? 0) >= limits.minConnected;
}

export type Fallen = { reason: StepBackReason; calmSinceMs: number | null; needsOperator: boolean };

export type Step =
  | { kind: 'stay' }
  | ({ kind: 'fall'; needsOperator: boolean } & Excess)
  | { kind: 'calm'; isCalm: boolean }
  | { kind: 'return' };

/**
 * What happens to a region now. `strict`: it has something to fall back from. `fallen`: its step-back, if one lasts; `falls`: how many it had within
 * a day.
 */
export function stepOf(
  { limits, strict }: { limits: StepBackLimits; strict: boolean },
  situation: Situation,
  fallen: Fallen | null,
  falls: number,
  nowMs: number,
): Step {
  if (!fallen) {
    const excess = strict ? excessOf(limits, situation) : null;
    return excess ? { kind: 'fall', ...excess, needsOperator: falls >= limits.returnsADay } : { kind: 'stay' };
  }
  const calm = isCalm(limits, situation, fallen.reason);
  const { calmSinceMs } = fallen;
  if (calm !== (calmSinceMs !== null)) return { kind: 'calm', isCalm: calm };
  if (calmSinceMs === null || fallen.needsOperator) return { kind: 'stay' };
  return nowMs - calmSinceMs >= limits.returnAfterMs ? { kind: 'return' } : { kind: 'stay' };
}
