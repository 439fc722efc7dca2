import type { Region } from './region.ts';
import type { SessionStatus } from './session.ts';

/**
 * The two checks of a profile, from what is known of it now. Pure. Unknown is not a violation and never blocks: what we cannot know is said
 * before what fails, and what is not required passes.
 *
 * The order: a copy that is too old, a profile nobody knows, a region or tariff without rules, a profile without a person, the facts.
 */
export type Verdict = {
  check: 'deptrans_id' | 'session';
  outcome: 'pass' | 'fail' | 'unknown';
  reason: VerdictReason | null;
  /** Since when the facts are so, ms since 1970. */
  since: number | null;
  /** When the verdict turns by itself, ms since 1970. */
  until: number | null;
  /** The region by which it was judged; empty outside every region that is on. */
  region: string;
};

export type VerdictReason =
  | 'not_required'
  | 'no_id'
  | 'id_rejected'
  | 'no_session'
  | 'session_ended'
  | 'profile_unknown'
  | 'person_unknown'
  | 'session_state_unknown'
  | 'data_too_old'
  | 'id_recheck';

/** What is known of a profile. Times in ms since 1970. */
export type DriverFacts = {
  /** Whether the profile has a licence on record. */
  person: boolean;
  binding: { state: 'unbound' | 'bound' | 'recheck' | 'rejected'; updatedAt: number | null } | null;
  session: { status: SessionStatus; updatedAt: number | null; endedAt: number | null; region: string } | null;
};

/** What an order asks for: null = not said. */
export type Order = {
  region: string | null;
  /** Whether one of the order's tariffs is listed in the region; true if the order names none. */
  listed(region: CheckedRegion): boolean;
};

export type CheckedRegion = Pick<Region, 'id' | 'on' | 'tariffs'>;

/** Both verdicts, DEPTRANS_ID first. `facts` null: no such profile. `fresh` false: the copy is older than may be judged by. */
export function judge(
  facts: DriverFacts | null,
  order: Order,
  regions: ReadonlyMap<string, CheckedRegion>,
  fresh: boolean,
  now: number,
): [Verdict, Verdict] {
  if (!fresh) return both('unknown', 'data_too_old', '');
  if (!facts) return both('unknown', 'profile_unknown', '');
  const region = regions.get(order.region ?? facts.session?.region ?? '');
  if (!region?.on) return both('pass', 'not_required', '');
  if (!order.listed(region)) return both('pass', 'not_required', region.id);
  if (!facts.person) return both('unknown', 'person_unknown', region.id);
  const id = judgeId(facts.binding, region.id);
  const session = judgeSession(facts.session, region.id, now);
  // A shift that went with the old licence is no violation while nobody knows whether the id comes along.
  const isPending = facts.binding?.state === 'recheck' && session.outcome === 'fail';
  const since = facts.session?.updatedAt ?? null;
  return [id, isPending ? { ...session, outcome: 'unknown', reason: 'id_recheck', since } : session];
}

function judgeId(binding: DriverFacts['binding'], region: string): Verdict {
  const verdict = (outcome: Verdict['outcome'], reason: VerdictReason | null): Verdict => ({
    check: 'deptrans_id',
    outcome,
    reason,
    since: binding?.updatedAt ?? null,
    until: null,
    region,
  });
  const state = binding?.state ?? 'unbound';
  switch (state) {
    case 'unbound':
      return verdict('fail', 'no_id');
    case 'rejected':
      return verdict('fail', 'id_rejected');
    case 'recheck':
      return verdict('unknown', 'id_recheck');
    case 'bound':
      return verdict('pass', null);
    default:
      return state satisfies never;
  }
}

function judgeSession(session: DriverFacts['session'], region: string, now: number): Verdict {
  const verdict = (
    outcome: Verdict['outcome'],
    reason: VerdictReason | null,
    since: number | null = session?.updatedAt ?? null,
    until: number | null = null,
  ): Verdict => ({ check: 'session', outcome, reason, since, until, region });
  if (!session) return verdict('fail', 'no_session');
  const { status, endedAt } = session;
  const over = endedAt !== null && endedAt <= now;
  switch (status) {
    case 'unrecognised':
      return verdict('unknown', 'session_state_unknown');
    case 'finished':
    case 'finalized':
    case 'canceled':
      return verdict('fail', 'session_ended');
    case 'issued':
      // The regulator took the report and has not said that the shift is on: it is read again in a moment.
      return over ? verdict('fail', 'session_ended', endedAt) : verdict('unknown', 'session_state_unknown');
    case 'online':
      return over ? verdict('fail', 'session_ended', endedAt) : verdict('pass', null, session.updatedAt, endedAt);
    default:
      return status satisfies never;
  }
}

function both(outcome: Verdict['outcome'], reason: VerdictReason, region: string): [Verdict, Verdict] {
  const common = { outcome, reason, since: null, until: null, region };
  return [
    { check: 'deptrans_id', ...common },
    { check: 'session', ...common },
  ];
}
