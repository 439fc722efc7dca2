import type { Outcome } from '../domain/outcome.ts';
import type { Plan } from '../domain/plan.ts';
import type { Session } from '../domain/session.ts';
import type { Regulator } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClaimedLook } from '../store/claim.ts';
import type { JournalEntry } from '../store/journal.ts';
import { NoTurn, type Pace } from './pace.ts';
import { type Made, openReportBatches } from './report-batches.ts';

/** A call to the regulator and its line in the journal, but for the account's hash; without a line no call was made: the pace allowed none in time. */
export type Exchange = { outcome: Outcome<Session | null>; entry: JournalEntry | null };

/** Calls the regulator about accounts, at the pace allowed, and notes every exchange. */
export type Exchanges = {
  read(look: ClaimedLook, signal: AbortSignal): Promise<Exchange>;
  /** The call begins by `startBy` (of the monotonic clock) or not at all. */
  report(
    look: ClaimedLook,
    plan: Extract<Plan, { kind: 'report' }>,
    occurredAt: Date,
    startBy: number,
    signal: AbortSignal,
  ): Promise<Exchange>;
};

/** A reading waits for its turn no longer than `slackMs`, as a report does: its lease must outlive it. */
export function openExchanges(regulator: Regulator, pace: Pace, clock: Clock, slackMs: number): Exchanges {
  const batches = openReportBatches(regulator, pace, clock);

  const noted = (
    kind: 'lookup' | 'outcome',
    look: ClaimedLook,
    made: Made<Session | null> | NoTurn,
    facts: Partial<JournalEntry> = {},
  ): Exchange => {
    if (made instanceof NoTurn) return { outcome: made.outcome, entry: null };
    const { outcome, sentAt, answeredAt } = made;
    const entry: JournalEntry = {
      kind,
      person: look.owner?.person ?? null,
      outcome: outcome.kind,
      leaseToken: look.token,
      sentAt,
      answeredAt,
      ...('reason' in outcome && { reason: outcome.reason }),
      ...facts,
      ...(outcome.kind === 'accepted' && outcome.value && { detail: describe(outcome.value) }),
    };
    return { outcome, entry };
  };

  const readNow = async (deptransId: string, signal: AbortSignal): Promise<Made<Session | null>> => {
    const sentAt = new Date(clock.now());
    const outcome = await regulator.session(deptransId, signal);
    return { outcome, sentAt, answeredAt: new Date(clock.now()) };
  };

  return {
    async read(look, signal) {
      pace.decided(look.token);
      const wait = { startBy: clock.monotonic() + slackMs, signal };
      const made = await pace.call(
        wait,
        () => readNow(look.account.deptransId, signal),
        ({ outcome }) => outcome,
      );
      return noted('lookup', look, made);
    },
    report(look, { direction, region, happenedAt }, occurredAt, startBy, signal) {
      pace.decided(look.token);
      const { deptransId } = look.account;
      return batches.send({ deptransId, direction, occurredAt }, startBy, signal).then((made) => {
        pace.leave(look.token);
        return noted('outcome', look, made, { direction, region, happenedAt });
      });
    },
  };
}

function describe({ status, endsAt }: Session): Record<string, unknown> {
  return { session_status: status, session_end: endsAt?.toISOString() ?? null };
}
