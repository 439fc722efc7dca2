import { type Skipped, skippedBecause } from '../../verdict/rules.ts';
import type { Check, CompiledPolicy, Facts, Judgement, Reason, Verdict } from '../../verdict/verdict.ts';

/** Every reason of a verdict, with a sentence for engineers. What drivers are told stands in config/texts.json. */
export const VERDICT_WORDS = {
  ok: 'nothing stands against the driver',
  not_required: 'nothing is required of the driver there',
  no_id: 'no government id is bound',
  id_rejected: 'the regulator took the government id back',
  no_session: 'there is no shift',
  session_ended: 'the shift is over',
  profile_unknown: 'nobody knows the profile',
  person_unknown: 'driver-profiles has no licence for the profile',
  session_state_unknown: 'the regulator has not said in words we know that the shift is on',
  data_too_old: 'the copy to judge by is too old',
  id_recheck: 'the government id is being checked again after a change of licence',
  session_ends_soon: 'the shift ends within the time that the policy calls soon',
  suspended: 'all checks are switched off',
  check_failed: 'whoever judged failed at it',
} as const satisfies Record<Reason, string>;

export const CHECK_NAMES = {
  deptrans_id: 'DEPTRANS_ID',
  session: 'SESSION',
} as const satisfies Record<Check, string>;

/** A verdict and what gave it, in a sentence. `region`: the judged one; empty outside every region that is on. */
export function describeVerdict({ check, outcome, reason, mode, rule }: Verdict, region: string, version: number) {
  const word = reason === 'ok' ? '' : ` (${reason})`;
  const says = `${CHECK_NAMES[check]}: ${outcome.toUpperCase()}${word}, `;
  if (region === '' && reason === 'not_required')
    return `${says}no region that is on was judged for a shift of the driver.`;
  return `${says}${VERDICT_WORDS[reason]}. Mode ${mode.toUpperCase()}: ${givenBy(rule, region, version)}.`;
}

function givenBy(rule: number, region: string, version: number): string {
  if (rule >= 0) return `rule ${rule} of the region ${region} in version ${version} of the policy`;
  return version === 0 ? 'no policy was put' : `no rule of version ${version} of the policy applies`;
}

const SKIPPED_WORDS = {
  not_yet: 'is not in effect yet',
  excluded: 'excludes the driver',
  not_in_share: 'is for a share of the people that the driver is not in',
  grace: 'spares the driver, whose id was bound less than its grace ago',
} as const satisfies Record<NonNullable<Skipped>, string>;

/** The rules that a verdict passed over before the one that gave its mode, and why each does not apply, a sentence each. */
export function describeSkipped(
  { check, rule: found }: Verdict,
  region: string,
  { regions }: CompiledPolicy,
  facts: Facts,
  now: number,
): string[] {
  const rules = regions.get(region);
  const all = rules ? [...rules.tariffs].flatMap((tariff) => rules.for(check, tariff)) : [];
  const passedOver = new Map(all.filter(({ index }) => found < 0 || index < found).map((one) => [one.index, one]));
  return [...passedOver].flatMap(([index, one]) => {
    const why = skippedBecause(one, facts, now);
    return why ? [`Rule ${index} (${CHECK_NAMES[check]}, ${one.rule.mode.toUpperCase()}) ${SKIPPED_WORDS[why]}.`] : [];
  });
}

/** What both verdicts come down to for the driver's orders. Null: they are not recorded. */
export function summarise(judgement: Judgement | null, isPast: boolean): string {
  if (!judgement) return 'What the checks said then is not recorded.';
  const failing = [judgement.deptransId, judgement.session]
    .filter(({ outcome }) => outcome === 'fail')
    .map(
      ({ check, reason, mode }) =>
        `${CHECK_NAMES[check]} ${isPast ? 'failed' : 'fails'} (${reason}), mode ${mode.toUpperCase()}`,
    );
  const orders = judgement.isAllowed
    ? `No check ${isPast ? 'kept' : 'keeps'} the driver from orders`
    : `The driver ${isPast ? 'got' : 'gets'} no new orders`;
  return `${orders}${failing.length > 0 ? `: ${failing.join('; ')}` : ''}.`;
}
