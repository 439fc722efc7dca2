import type { Facts, Order } from './facts.ts';
import { judgeId, judgeSession, phaseOf } from './judge-facts.ts';
import type { Policy, RegionPolicy } from './policy.ts';
import { firstApplying, type IndexedRule, modeOf, OBSERVE, type RegionRules, rulesOf } from './rules.ts';
import { type Check, type Mode, OUTCOME_OF, type Outcome, type Reason } from './words.ts';

export type { Facts, Order } from './facts.ts';
export { NOBODY, type Policy, type Population, type RegionPolicy, type Rule } from './policy.ts';
export { EVERYBODY, shareOf } from './share.ts';
export { type Times, timesOf } from './times.ts';
export * from './words.ts';

/**
 * The verdict about a driver: the one function by which the service, the consumers' library, the supply figures and the explanations judge. Pure.
 *
 * The facts alone give the outcome and its reason; the policy alone gives the mode, which says what a failure does. Unknown never blocks, and
 * what we cannot know is said before what fails. The order in which it is told: everything off, a copy too old, a profile nobody knows, a region
 * or tariff that requires nothing, a check that is off for this driver, a profile without a person, the facts.
 *
 * A driver on an order may always finish it, whatever the verdict says.
 */
export type Verdict = Readonly<{
  check: Check;
  outcome: Outcome;
  reason: Reason;
  /** What a failure does to this driver and order. */
  mode: Mode;
  /** The place of the rule that gave the mode among the region's; -1: none applied. */
  rule: number;
}>;

export type Judgement = Readonly<{
  deptransId: Verdict;
  session: Verdict;
  /** No check fails in the mode `block`. */
  isAllowed: boolean;
  /** The region by which it was judged; empty outside every region that is on. */
  region: string;
  /** The policy's. */
  version: number;
}>;

/** A policy, laid out for judging. Made once per version; judging by it makes no garbage but its result. */
export type CompiledPolicy = {
  readonly policy: Policy;
  readonly regions: ReadonlyMap<string, CompiledRegion>;
};
type CompiledRegion = RegionRules & { verdicts: VerdictTable };

export function compilePolicy(policy: Policy): CompiledPolicy {
  const regions = policy.regions.map((region): [string, CompiledRegion] => [
    region.id,
    { ...rulesOf(region), verdicts: [] },
  ]);
  return { policy, regions: new Map(regions) };
}

/** `facts` null: nobody knows the profile. `ageMs`: how old the facts may be. `now` in ms since 1970. */
export function judge(
  facts: Facts | null,
  order: Order,
  compiled: CompiledPolicy,
  now: number,
  ageMs: number,
): Judgement {
  const { policy } = compiled;
  const { version } = policy;
  if (policy.suspended) return everywhere('suspended', 'off', version);
  if (!(ageMs <= policy.maxDataAgeMs)) return everywhere('data_too_old', 'observe', version);
  if (!facts) return everywhere('profile_unknown', 'observe', version);
  const rules = compiled.regions.get(order.region || facts.region);
  if (!rules?.region.on) return everywhere('not_required', 'off', version);
  const asked = order.categories ?? ANY;
  const deptransId = judgeCheck('deptrans_id', facts, rules, asked, now);
  const session = judgeCheck('session', facts, rules, asked, now);
  const isAllowed = !isBlocking(deptransId) && !isBlocking(session);
  return { deptransId, session, isAllowed, region: rules.region.id, version };
}

/** Whether a verdict keeps the driver from a new order. */
function isBlocking({ outcome, mode }: Verdict): boolean {
  return outcome === 'fail' && mode === 'block';
}

/** Both checks alike, whatever the region. */
export function everywhere(reason: Reason, mode: Mode, version: number): Judgement {
  const common = { outcome: OUTCOME_OF[reason], reason, mode, rule: -1 };
  return {
    deptransId: { check: 'deptrans_id', ...common },
    session: { check: 'session', ...common },
    isAllowed: true,
    region: '',
    version,
  };
}

function judgeCheck(check: Check, facts: Facts, rules: CompiledRegion, asked: Asked, now: number): Verdict {
  if (!isRequired(asked, rules)) return verdictOf(rules.verdicts, check, 'not_required', null, rules.region);
  const found = strictest(check, facts, rules, asked, now);
  if (found?.rule.mode === 'off') return verdictOf(rules.verdicts, check, 'not_required', found, rules.region);
  const reason = !facts.hasPerson ? 'person_unknown' : reasonOf(check, facts, rules.region, now);
  return verdictOf(rules.verdicts, check, reason, found, rules.region);
}

function reasonOf(check: Check, facts: Facts, { endsSoonMs }: RegionPolicy, now: number): Reason {
  if (check === 'deptrans_id') return judgeId(facts.binding);
  const phase = facts.phase?.(now, endsSoonMs) ?? phaseOf(facts.sessionEndedAt, now, endsSoonMs);
  return judgeSession(facts.binding, facts.session, phase);
}

/** The order's tariffs; empty: any. */
type Asked = readonly string[];
const ANY: Asked = [];

function isRequired(asked: Asked, { tariffs }: RegionRules): boolean {
  return asked.length === 0 || asked.some((tariff) => tariffs.has(tariff));
}

/** The rule with the strictest mode over the order's tariffs, the first of several; null where having no rule is as strict. */
function strictest(check: Check, facts: Facts, rules: RegionRules, asked: Asked, now: number): IndexedRule | null {
  const same = rules.forAny(check);
  if (same) return firstApplying(same, facts, now);
  let found: IndexedRule | null = null;
  let level = -1;
  // In the region's order, so that an order's own decides nothing.
  for (const category of rules.tariffs) {
    if (asked.length > 0 && !asked.includes(category)) continue;
    const rule = firstApplying(rules.for(check, category), facts, now);
    const its = rule?.level ?? OBSERVE;
    if (its <= level) continue;
    level = its;
    found = rule;
  }
  return found;
}

/** Verdicts are made once and shared, so that judging by a policy costs no memory. */
type VerdictTable = Partial<Record<Reason, Verdict>>[];

function verdictOf(
  table: VerdictTable,
  check: Check,
  reason: Reason,
  found: IndexedRule | null,
  { steppedBack }: RegionPolicy,
): Verdict {
  const rule = found?.index ?? -1;
  const at = (rule + 1) * 2 + (check === 'session' ? 1 : 0);
  table[at] ??= {};
  const made = table[at];
  made[reason] ??= Object.freeze({
    check,
    outcome: OUTCOME_OF[reason],
    reason,
    mode: modeOf(found?.level ?? OBSERVE, steppedBack),
    rule,
  });
  return made[reason];
}
