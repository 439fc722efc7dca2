import type { Outcome } from '../domain/outcome.ts';
import type { Plan } from '../domain/plan.ts';
import type { Session } from '../domain/session.ts';
import type { Regulator } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClaimedLook } from '../store/claim.ts';
import { accountHash, type JournalEntry } from '../store/journal.ts';
import type { Pace } from './pace.ts';

/** A call to the regulator and its line in the journal. */
export type Exchange = { outcome: Outcome<Session | null>; entry: JournalEntry };

/** Calls the regulator about accounts, at the pace allowed, and notes every exchange. */
export type Exchanges = {
  read(look: ClaimedLook, signal: AbortSignal): Promise<Exchange>;
  report(
    look: ClaimedLook,
    plan: Extract<Plan, { kind: 'report' }>,
    occurredAt: Date,
    signal: AbortSignal,
  ): Promise<Exchange>;
};

export function openExchanges(regulator: Regulator, pace: Pace, clock: Clock, journalKey: string): Exchanges {
  const exchange = async (
    kind: 'lookup' | 'outcome',
    look: ClaimedLook,
    facts: Partial<JournalEntry>,
    call: () => Promise<Outcome<Session | null>>,
  ): Promise<Exchange> => {
    const sentAt = new Date(clock.now());
    const outcome = await pace.call(call);
    const entry: JournalEntry = {
      kind,
      person: look.owner?.person ?? null,
      account: accountHash(journalKey, look.account.deptransId),
      outcome: outcome.kind,
      leaseToken: look.token,
      sentAt,
      answeredAt: new Date(clock.now()),
      ...('reason' in outcome && { reason: outcome.reason }),
      ...facts,
      ...(outcome.kind === 'accepted' && outcome.value && { detail: describe(outcome.value) }),
    };
    return { outcome, entry };
  };

  return {
    read: (look, signal) => exchange('lookup', look, {}, () => regulator.session(look.account.deptransId, signal)),
    report: (look, { direction, region, happenedAt }, occurredAt, signal) =>
      exchange('outcome', look, { direction, region, happenedAt }, () =>
        regulator.report(look.account.deptransId, direction, occurredAt, signal),
      ),
  };
}

function describe({ status, endsAt }: Session): Record<string, unknown> {
  return { session_status: status, session_end: endsAt };
}
