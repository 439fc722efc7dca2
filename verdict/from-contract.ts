import { type Duration, durationMs, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { Check as CheckNumber, EnforcementMode } from '../gen/deptrans/v1/diagnostics_pb.ts';
import type {
  PolicyInForce,
  RegionPolicy as PolicyOfRegion,
  PolicyRule,
  Population as PopulationMessage,
} from '../gen/deptrans/v1/policy_pb.ts';
import { NOBODY, type Policy, type Population, type RegionPolicy, type Rule } from './policy.ts';
import { EVERYBODY } from './share.ts';
import type { Check, Mode } from './words.ts';

/** Facts older than this say nothing, where the policy does not say it. */
const DEFAULT_MAX_DATA_AGE_MS = 60_000;

/**
 * The policy in force, as the service sends it. What a later contract may add and this code does not know is taken for the mildest: a rule of an
 * unknown check is left out, an unknown mode observes.
 */
export function policyFromContract({ version, suspended, policy, regions }: PolicyInForce): Policy {
  const rulesOf = new Map((policy?.regions ?? []).map((region) => [region.region, region]));
  return {
    version: Number(version),
    suspended,
    maxDataAgeMs: policy?.maxDataAge ? durationMs(policy.maxDataAge) : DEFAULT_MAX_DATA_AGE_MS,
    regions: regions.map(({ region: id, on, tariffs, steppedBack }): RegionPolicy => {
      const own = rulesOf.get(id);
      return { id, on, tariffs, steppedBack, endsSoonMs: msOf(own?.endsSoon), rules: own ? rulesFrom(own) : [] };
    }),
  };
}

function rulesFrom({ rules }: PolicyOfRegion): Rule[] {
  return rules.map((rule) => ({
    check: CHECKS[rule.check] ?? NO_CHECK,
    categories: rule.categories,
    mode: modeFrom(rule.mode),
    from: fromOf(rule.effectiveFrom),
    share: shareFrom(rule),
    include: populationFrom(rule.include),
    exclude: populationFrom(rule.exclude),
    graceMs: msOf(rule.graceAfterBinding),
  }));
}

/** A rule of a check that nobody makes. It keeps its place, since places name rules. */
const NO_CHECK = 'unknown' as Check;

const CHECKS: Partial<Record<CheckNumber, Check>> = {
  [CheckNumber.DEPTRANS_ID]: 'deptrans_id',
  [CheckNumber.SESSION]: 'session',
};

function modeFrom(mode: EnforcementMode): Mode {
  switch (mode) {
    case EnforcementMode.OFF:
      return 'off';
    case EnforcementMode.WARN:
      return 'warn';
    case EnforcementMode.DEPRIORITISE:
      return 'deprioritise';
    case EnforcementMode.BLOCK:
      return 'block';
    default:
      return 'observe';
  }
}

function shareFrom({ share }: PolicyRule): number {
  return share === undefined ? EVERYBODY : Math.round(share * EVERYBODY);
}

function populationFrom(population: PopulationMessage | undefined): Population {
  return population ? { parks: population.parkIds, people: population.driverLicensePdIds } : NOBODY;
}

function fromOf(time: Timestamp | undefined): number {
  return time ? timestampMs(time) : 0;
}

function msOf(duration: Duration | undefined): number {
  return duration ? durationMs(duration) : 0;
}
