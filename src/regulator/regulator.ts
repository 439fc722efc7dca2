import type { Outcome } from '../domain/outcome.ts';
import type { Direction } from '../domain/report.ts';
import type { Session } from '../domain/session.ts';
import type { Masked } from '../runtime/masked.ts';

export type LicenceNumber = Masked<'LicenceNumber'>;

/**
 * A regulator, as the service sees it. Nothing here throws for what a regulator does: every answer, silence included, is an `Outcome`.
 * Each call ends within its deadline, whatever the other side does, and leaves no socket behind. `signal` cuts a call short; its outcome is then `unknown`.
 * test/regulator/contract.ts holds an adapter to this.
 */
export type Regulator = {
  /** A short name for metrics, tables and logs. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Whether the id belongs to the licence. An id that the regulator does not know is a mismatch. */
  checkId(deptransId: string, licence: LicenceNumber, signal: AbortSignal): Promise<Outcome<{ matches: boolean }>>;
  /** Tells that the driver connected or disconnected. Null: accepted, and nothing readable was said about the session. */
  report(
    deptransId: string,
    direction: Direction,
    occurredAt: Date,
    signal: AbortSignal,
  ): Promise<Outcome<Session | null>>;
  /**
   * Tells of several drivers in one call, at most `capabilities.maxBatch`, none of them twice. One outcome for each, in order; a driver whom the
   * answer leaves out is `unknown`. Null: the regulator takes no such batch, and nothing of it took effect; `capabilities` know it from then on.
   */
  reportBatch(reports: readonly Report[], signal: AbortSignal): Promise<Outcome<Session | null>[] | null>;
  /** Reads the driver's last session; null if there is none. Where that cannot be done, `unavailable`. */
  session(deptransId: string, signal: AbortSignal): Promise<Outcome<Session | null>>;
};

export type Report = { deptransId: string; direction: Direction; occurredAt: Date };

export type Capabilities = {
  /** Reports in one call; 1 = no batches. May change while the service learns what the regulator takes. */
  readonly maxBatch: number;
  canReadSession: boolean;
  /** An older report after a newer one is ignored. */
  ordersByOccurredAt: boolean;
  /** Repeating an accepted report changes nothing. */
  repeatIsHarmless: boolean;
  /** A request takes effect no later than this after it was sent, or never; ms. */
  maxRequestLifeMs: number;
};
