import type { Positions } from '../domain/eligibility.ts';
import type { Rules } from '../domain/region.ts';
import type { Session } from '../domain/session.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { ClaimedLook } from '../store/claim.ts';
import type { WrittenIntent } from '../store/intent.ts';
import type { JournalEntry } from '../store/journal.ts';
import type { SettleItem } from '../store/settle.ts';
import type { Ended, Exchange, ReportPlan } from './exchange.ts';

/** What accounts that were claimed together share. */
export type Claimed = {
  rules: Rules;
  positions: Positions;
  signal: AbortSignal;
  steps: Steps;
  /** How many of them have not ended. */
  left: number;
  done(): void;
};

/** What happens when the call for an account has ended. */
export type Steps = { exchanged(work: Work, exchange: Exchange): void; failed(work: Work, error: unknown): void };

/** One account on its way, and in the end what is settled of it: one object, and no promise for each step, since thousands are on their way at once. */
export class Work implements SettleItem, Ended {
  look: ClaimedLook;
  claimed: Claimed;
  journal: JournalEntry[] = [];
  /** What the regulator was read to say. */
  session: Session | null | undefined = undefined;
  plan: ReportPlan | null = null;
  /** The account's, for the journal. */
  hash = '';
  /** The intent as the database has it, and a moment of the monotonic clock just before it was handed to the database. */
  written: WrittenIntent | null = null;
  began = 0;
  settlement!: Settlement;
  mayHaveTakenEffect = false;
  /** As the pace knows it. */
  standing: 'undecided' | 'calling' | 'done' = 'undecided';

  constructor(look: ClaimedLook, claimed: Claimed) {
    this.look = look;
    this.claimed = claimed;
  }

  exchanged(exchange: Exchange): void {
    this.claimed.steps.exchanged(this, exchange);
  }

  failed(error: unknown): void {
    this.claimed.steps.failed(this, error);
  }

  /**
   * Lets go of all that hangs on it, when nothing more is done with it. What has been on its way for long lies among the collector's old objects, and as
   * long as it lies there, dead or not, the young ones that hang on it are kept and copied.
   */
  letGo(): void {
    const none = null as never;
    this.look = none;
    this.claimed = none;
    this.journal = none;
    this.session = none;
    this.plan = none;
    this.written = none;
    this.settlement = none;
  }
}
