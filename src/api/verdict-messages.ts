import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Check, EnforcementMode, VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import {
  type Facts,
  type Judgement,
  MODES,
  type Mode,
  type Outcome,
  type Reason,
  timesOf,
  type Verdict,
} from '../../verdict/verdict.ts';
import { isShown, type Texts } from '../enforcement/enforcement.ts';

export type Language = 'ru' | 'en';

/** Both verdicts as the contract words them, DEPTRANS_ID first. */
export function verdictMessages(
  { deptransId, session, region }: Judgement,
  facts: Facts | null,
  texts: Texts,
  language: Language,
) {
  return [deptransId, session].map((verdict) => verdictMessage(verdict, region, facts, texts, language));
}

function verdictMessage(verdict: Verdict, region: string, facts: Facts | null, texts: Texts, language: Language) {
  const { check, outcome, reason, mode, rule } = verdict;
  const { since, until } = timesOf(verdict, facts);
  const told = isShown(reason) && MODES.indexOf(mode) >= WARN ? texts[reason] : null;
  return {
    check: CHECK_NUMBERS[check],
    outcome: OUTCOMES[outcome],
    reason: REASON_NUMBERS[reason],
    allowCurrentOrder: true,
    region,
    mode: MODE_NUMBERS[mode],
    text: told?.[language] ?? '',
    action: told?.action ?? '',
    ...(since !== null && { since: timestampFromMs(since) }),
    ...(until !== null && { until: timestampFromMs(until) }),
    ...(rule >= 0 && { rule }),
  };
}

const WARN = MODES.indexOf('warn');

export const CHECK_NUMBERS = { deptrans_id: Check.DEPTRANS_ID, session: Check.SESSION } as const;

const OUTCOMES = {
  pass: VerdictOutcome.PASS,
  fail: VerdictOutcome.FAIL,
  unknown: VerdictOutcome.UNKNOWN,
} as const satisfies Record<Outcome, VerdictOutcome>;

const MODE_NUMBERS = {
  off: EnforcementMode.OFF,
  observe: EnforcementMode.OBSERVE,
  warn: EnforcementMode.WARN,
  deprioritise: EnforcementMode.DEPRIORITISE,
  block: EnforcementMode.BLOCK,
} as const satisfies Record<Mode, EnforcementMode>;

export const REASON_NUMBERS = {
  ok: VerdictReason.UNSPECIFIED,
  not_required: VerdictReason.NOT_REQUIRED,
  no_id: VerdictReason.NO_ID,
  id_rejected: VerdictReason.ID_REJECTED,
  no_session: VerdictReason.NO_SESSION,
  session_ended: VerdictReason.SESSION_ENDED,
  profile_unknown: VerdictReason.PROFILE_UNKNOWN,
  person_unknown: VerdictReason.PERSON_UNKNOWN,
  session_state_unknown: VerdictReason.SESSION_STATE_UNKNOWN,
  data_too_old: VerdictReason.DATA_TOO_OLD,
  id_recheck: VerdictReason.ID_RECHECK,
  session_ends_soon: VerdictReason.SESSION_ENDS_SOON,
  suspended: VerdictReason.SUSPENDED,
  // Said by consumers alone, of their own failures.
  check_failed: VerdictReason.UNSPECIFIED,
} as const satisfies Record<Reason, VerdictReason>;
