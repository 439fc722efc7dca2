import type { LossLaw, LossRule } from '../../simulator/judge/loss.ts';
import type { Random } from '../../simulator/random.ts';
import { type CompiledPolicy, compilePolicy, EVERYBODY, NOBODY } from '../../verdict/verdict.ts';

const hour = 3_600_000;
export const TARIFFS = { moscow: ['econom', 'business'], tver: ['econom'] } as const;

/** A policy as the judge understands it, by chance. */
export function drawLaw(random: Random, silenceMs: number, nowMs: number): LossLaw {
  const rule = (tariffs: readonly string[]): LossRule => ({
    check: random.pick(['deptrans_id', 'session']),
    tariffs: random.chance(0.3) ? [random.pick(tariffs)] : [],
    blocks: random.chance(0.7),
    fromMs: random.chance(0.2) ? nowMs + random.int(2 * hour) : 0,
    share: random.pick([EVERYBODY, EVERYBODY, 1_000, 5_000]),
    withoutParks: random.chance(0.3) ? ['park-1', 'park-2', 'park-3'] : [],
    graceMs: random.pick([0, 0, hour]),
  });
  const region = (tariffs: readonly string[]) => ({
    tariffs,
    endsSoonMs: random.pick([0, hour / 2]),
    rules: Array.from({ length: 1 + random.int(4) }, () => rule(tariffs)),
  });
  return { regions: { moscow: region(TARIFFS.moscow), tver: region(TARIFFS.tver) }, silenceMs };
}

/** The same as the service judges by it. */
export function policyOf({ regions }: LossLaw, version: number): CompiledPolicy {
  return compilePolicy({
    version,
    suspended: false,
    maxDataAgeMs: 60_000,
    regions: Object.entries(regions).map(([id, { tariffs, endsSoonMs, rules }]) => ({
      id,
      on: true,
      tariffs,
      steppedBack: false,
      endsSoonMs,
      rules: rules.map(({ check, tariffs: of, blocks, fromMs, share, withoutParks, graceMs }) => ({
        check,
        categories: of,
        mode: blocks ? ('block' as const) : ('warn' as const),
        from: fromMs,
        share,
        include: NOBODY,
        exclude: { parks: withoutParks, people: [] },
        graceMs,
      })),
    })),
  });
}
