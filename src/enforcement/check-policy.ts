import { equals, toBinary } from '@bufbuild/protobuf';
import { type Duration, durationMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import {
  type Policy,
  type PolicyRule,
  PolicyRuleSchema,
  PolicySchema,
  type Population,
  type RegionPolicy,
  type StepBack,
} from '../../gen/deptrans/v1/policy_pb.ts';
import { isKey } from '../domain/key.ts';

/** A problem of a field, by its name in the contract. Says what is expected, nothing of what came. */
export type PolicyProblem = { field: string; description: string };

type KnownRegion = { id: string; tariffs: readonly string[] };

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const MAX_REGIONS = 100;
const MAX_RULES = 100;
const MAX_MEMBERS = 10_000;
const MAX_BYTES = 1024 * 1024;
/** Enough to see what is wrong. */
const MAX_PROBLEMS = 50;
/** 250 centuries from 1970: later moments are no time of the database's. */
const LATEST_S = 250_000_000_000n;

/**
 * Everything that is wrong with a policy, in the order of its fields; nothing if it may be put in force.
 *
 * `before`: the policy that it takes the place of: a rule that stands there already may have begun at any time. `now` in ms since 1970.
 */
export function problemsOf(
  policy: Policy | undefined,
  regions: readonly KnownRegion[],
  before: Policy,
  now: number,
): PolicyProblem[] {
  if (!policy) return [{ field: 'policy', description: 'a policy' }];
  const problems: PolicyProblem[] = [];
  const say = (field: string, description: string) => problems.push({ field: `policy.${field}`, description });
  // Not looked at further: that alone could take long.
  if (toBinary(PolicySchema, policy).length > MAX_BYTES) {
    return [{ field: 'policy', description: `at most ${MAX_BYTES} bytes in binary` }];
  }
  if (policy.regions.length > MAX_REGIONS) say('regions', `at most ${MAX_REGIONS}`);
  checkDuration(policy.maxDataAge, SECOND, HOUR, (text) => say('max_data_age', text));
  const known = new Map(regions.map((region) => [region.id, region]));
  const standing = before.regions.flatMap(({ rules }) => rules);
  const seen = new Set<string>();
  for (const [i, region] of policy.regions.slice(0, MAX_REGIONS).entries()) {
    const at = (field: string, text: string) => say(`regions[${i}].${field}`, text);
    if (seen.has(region.region)) at('region', 'each region once');
    seen.add(region.region);
    const found = known.get(region.region);
    if (!found) at('region', 'a region of the configuration');
    checkRegion(region, found, standing, now, at);
  }
  return problems.slice(0, MAX_PROBLEMS);
}

type Say = (field: string, description: string) => void;

function checkRegion(
  { rules, endsSoon, stepBack }: RegionPolicy,
  region: KnownRegion | undefined,
  standing: readonly PolicyRule[],
  now: number,
  say: Say,
): void {
  if (rules.length > MAX_RULES) say('rules', `at most ${MAX_RULES}`);
  for (const [i, rule] of rules.slice(0, MAX_RULES).entries()) {
    const stands = standing.some((other) => equals(PolicyRuleSchema, rule, other));
    checkRule(rule, region, stands ? 0 : now - DAY, (field, text) => say(`rules[${i}].${field}`, text));
  }
  checkDuration(endsSoon, 0, DAY, (text) => say('ends_soon', text));
  checkStepBack(stepBack, (field, text) => say(`step_back.${field}`, text));
}

function checkRule(rule: PolicyRule, region: KnownRegion | undefined, earliestMs: number, say: Say): void {
  if (rule.check !== Check.DEPTRANS_ID && rule.check !== Check.SESSION) say('check', 'one of the two checks');
  if (!(rule.mode > EnforcementMode.UNSPECIFIED && rule.mode <= EnforcementMode.BLOCK)) say('mode', 'a mode');
  const unknown = region ? rule.categories.filter((category) => !region.tariffs.includes(category)) : [];
  if (unknown.length > 0) say('categories', 'tariffs that are listed in the region');
  if (rule.effectiveFrom) checkBeginning(rule.effectiveFrom, earliestMs, say);
  checkShare(rule.share, (text) => say('share', text));
  checkPopulation(rule.include, (field, text) => say(`include.${field}`, text));
  checkPopulation(rule.exclude, (field, text) => say(`exclude.${field}`, text));
  checkDuration(rule.graceAfterBinding, 0, 30 * DAY, (text) => say('grace_after_binding', text));
}

function checkStepBack(stepBack: StepBack | undefined, say: Say): void {
  if (!stepBack) return;
  const { lostShare, unknownShare, minConnected, returnsADay } = stepBack;
  if (lostShare !== undefined && !(lostShare >= 0 && lostShare <= 1)) say('lost_share', '0 to 1');
  if (unknownShare !== undefined && !(unknownShare >= 0 && unknownShare <= 1)) say('unknown_share', '0 to 1');
  checkDuration(stepBack.dataAge, SECOND, HOUR, (text) => say('data_age', text));
  checkDuration(stepBack.regulatorDown, 0, HOUR, (text) => say('regulator_down', text));
  if (minConnected !== undefined && !(minConnected >= 1 && minConnected <= 1_000_000)) {
    say('min_connected', '1 to 1000000');
  }
  checkDuration(stepBack.returnAfter, 60 * SECOND, DAY, (text) => say('return_after', text));
  if (returnsADay !== undefined && !(returnsADay >= 0 && returnsADay <= 10)) say('returns_a_day', '0 to 10');
}

function checkBeginning({ seconds }: Timestamp, earliestMs: number, say: Say): void {
  if (seconds < 0n || seconds > LATEST_S) say('effective_from', 'a time');
  else if (Number(seconds) * SECOND < earliestMs) say('effective_from', 'at most a day ago in a new rule');
}

function checkShare(share: number | undefined, say: (description: string) => void): void {
  if (share === undefined) return;
  const steps = share * 10_000;
  const isWhole = Math.abs(steps - Math.round(steps)) < 1e-6;
  if (!(share >= 0 && share <= 1 && isWhole)) say('0 to 1, in steps of 0.0001');
}

function checkPopulation(population: Population | undefined, say: Say): void {
  if (!population) return;
  for (const [field, ids] of [
    ['park_ids', population.parkIds],
    ['driver_license_pd_ids', population.driverLicensePdIds],
  ] as const) {
    if (ids.length > MAX_MEMBERS) say(field, `at most ${MAX_MEMBERS}`);
    else if (!ids.every(isKey)) say(field, 'each 1 to 64 printable bytes');
  }
}

function checkDuration(
  duration: Duration | undefined,
  leastMs: number,
  mostMs: number,
  say: (description: string) => void,
): void {
  if (!duration) return;
  const ms = durationMs(duration);
  const isWhole = Math.abs(duration.nanos) < 1e9 && ms >= leastMs && ms <= mostMs;
  if (!isWhole) say(`${leastMs / SECOND} s to ${mostMs / SECOND} s`);
}
