import type { Outcome } from '../domain/outcome.ts';
import type { Plan } from '../domain/plan.ts';
import type { Session } from '../domain/session.ts';
import type { Regulator } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClaimedLook } from '../store/claim.ts';
import type { JournalEntry } from '../store/journal.ts';
import type { Pace } from './pace.ts';
import { NoTurn } from './pace-call.ts';
import { openReportBatches, type Told, type Wait } from './report-batches.ts';

/** A call to the regulator and its line in the journal, but for the account's hash; without a line no call was made: the pace allowed none in time. */
export type Exchange = { outcome: Outcome<Session | null>; entry: JournalEntry | null };

export type ReportPlan = Extract<Plan, { kind: 'report' }>;

/** Calls the regulator about accounts, at the pace allowed, and notes every exchange. */
export type Exchanges = {
  read(look: ClaimedLook, signal: AbortSignal): Promise<Exchange>;
  /** Sends a report and tells how it ended. */
  report(look: ClaimedLook, plan: ReportPlan, occurredAt: Date, wait: Wait, ended: Ended): void;
};

/** Exactly one of these is called: the exchange, or the error that left the call in the dark. */
export type Ended = { exchanged(exchange: Exchange): void; failed(error: unknown): void };

/** A reading waits for its turn no longer than `slackMs`, as a report does: its lease must outlive it. */
export function openExchanges(regulator: Regulator, pace: Pace, clock: Clock, slackMs: number): Exchanges {
  const batches = openReportBatches(regulator, pace, clock);

  const readNow = async (deptransId: string, signal: AbortSignal) => {
    const sentAt = clock.now();
    const outcome = await regulator.session(deptransId, signal);
    return { outcome, sentAt, answeredAt: clock.now() };
  };

  return {
    async read(look, signal) {
      const wait = { startBy: clock.monotonic() + slackMs, signal };
      const made = await pace.call(
        wait,
        () => readNow(look.account.deptransId, signal),
        ({ outcome }) => outcome,
      );
      if (made instanceof NoTurn) return { outcome: made.outcome, entry: null };
      const { outcome, sentAt, answeredAt } = made;
      return { outcome, entry: lineOf('lookup', look, null, outcome, sentAt, answeredAt) };
    },
    report(look, plan, occurredAt, wait, ended) {
      const report = { deptransId: look.account.deptransId, direction: plan.direction, occurredAt };
      batches.send(report, wait, new ToldOfReport(look, plan, ended));
    },
  };
}

/** Makes an exchange of what became of a report. */
class ToldOfReport implements Told {
  readonly #look: ClaimedLook;
  readonly #plan: ReportPlan;
  readonly #ended: Ended;

  constructor(look: ClaimedLook, plan: ReportPlan, ended: Ended) {
    this.#look = look;
    this.#plan = plan;
    this.#ended = ended;
  }

  made(outcome: Outcome<Session | null>, sentAt: number, answeredAt: number): void {
    const entry = lineOf('outcome', this.#look, this.#plan, outcome, sentAt, answeredAt);
    this.#ended.exchanged({ outcome, entry });
  }

  missed({ outcome }: NoTurn): void {
    this.#ended.exchanged({ outcome, entry: null });
  }

  failed(error: unknown): void {
    this.#ended.failed(error);
  }
}

/** A line of the journal with all its places: thousands of one shape are read column by column. */
function lineOf(
  kind: 'lookup' | 'outcome',
  look: ClaimedLook,
  plan: ReportPlan | null,
  outcome: Outcome<Session | null>,
  sentAt: number,
  answeredAt: number,
): JournalEntry {
  return {
    kind,
    person: look.owner?.person ?? null,
    account: undefined,
    direction: plan?.direction,
    outcome: outcome.kind,
    reason: 'reason' in outcome ? outcome.reason : undefined,
    region: plan?.region,
    leaseToken: look.token,
    happenedAt: plan?.happenedAt,
    sentAt,
    answeredAt,
    detail: outcome.kind === 'accepted' && outcome.value ? describe(outcome.value) : undefined,
  };
}

function describe({ status, endsAt }: Session): Record<string, unknown> {
  return { session_status: status, session_end: endsAt?.toISOString() ?? null };
}
