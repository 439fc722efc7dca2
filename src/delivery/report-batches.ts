import type { Outcome } from '../domain/outcome.ts';
import type { Session } from '../domain/session.ts';
import type { Regulator, Report } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Pace } from './pace.ts';
import { type NoTurn, PacedCall } from './pace-call.ts';

/** Told what became of a report: exactly one of these is called. Times of the call are milliseconds since 1970. */
export type Told = {
  made(outcome: Outcome<Session | null>, sentAt: number, answeredAt: number): void;
  missed(none: NoTurn): void;
  failed(error: unknown): void;
};

/** A report leaves by `startBy` (of the monotonic clock), and before `signal` aborts, or not at all. */
export type Wait = { startBy: number; signal: AbortSignal };

/**
 * Sends reports at the pace allowed: one in a call, or, when more have come together than the rate has room for and the regulator takes batches,
 * many. Reports that come together are of different accounts, each under a lease of its own, so a batch changes nothing of who may call when.
 */
export type ReportBatches = { send(report: Report, wait: Wait, told: Told): void };

/** Fewer than this are not worth the trouble of a batch. */
const LEAST_BATCH = 3;

export function openReportBatches(regulator: Regulator, pace: Pace, clock: Clock): ReportBatches {
  let waiting: ReportCall[] = [];

  const sendAll = (reports: readonly ReportCall[], mayShare: boolean): void => {
    const { maxBatch } = regulator.capabilities;
    const share = mayShare && maxBatch > 1 && reports.length >= LEAST_BATCH && reports.length > pace.room;
    if (!share) for (const report of reports) pace.begin(report);
    else for (const group of inGroups(reports, maxBatch)) pace.begin(group.length > 1 ? shared(group) : group[0]!);
  };

  const shared = (group: readonly ReportCall[]): PacedCall =>
    new BatchCall(group, regulator, clock, () => sendAll(group, false));

  const flush = () => {
    const reports = waiting;
    waiting = [];
    sendAll(reports, true);
  };

  return {
    send(report, wait, told) {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(new ReportCall(report, wait, told, regulator, clock));
    },
  };
}

const NOBODY: Told = { made() {}, missed() {}, failed() {} };

/** One report in one call. */
class ReportCall extends PacedCall {
  readonly report: Report;
  readonly startBy: number;
  readonly signal: AbortSignal;
  told: Told;
  readonly #regulator: Regulator;
  readonly #clock: Clock;
  #outcome: Outcome<Session | null> | null = null;
  #sentAt = 0;
  #answeredAt = 0;

  constructor(report: Report, { startBy, signal }: Wait, told: Told, regulator: Regulator, clock: Clock) {
    super();
    this.report = report;
    this.startBy = startBy;
    this.signal = signal;
    this.told = told;
    this.#regulator = regulator;
    this.#clock = clock;
  }

  run(): Promise<Outcome<unknown>> {
    const { deptransId, direction, occurredAt } = this.report;
    this.#sentAt = this.#clock.now();
    return this.#regulator.report(deptransId, direction, occurredAt, this.signal).then((outcome) => {
      this.#outcome = outcome;
      this.#answeredAt = this.#clock.now();
      return outcome;
    });
  }

  ended(): void {
    this.told.made(this.#outcome!, this.#sentAt, this.#answeredAt);
    this.told = NOBODY; // see `Work.letGo`
    this.#outcome = null;
  }

  missed(none: NoTurn): void {
    this.told.missed(none);
  }

  failed(error: unknown): void {
    this.told.failed(error);
  }
}

/** Many reports in one call. `oneByOne`: sends them again, each by itself; called if the regulator takes no batch like this one. */
class BatchCall extends PacedCall {
  readonly startBy: number;
  readonly signal: AbortSignal;
  readonly #calls: readonly ReportCall[];
  readonly #regulator: Regulator;
  readonly #clock: Clock;
  readonly #oneByOne: () => void;
  #outcomes: Outcome<Session | null>[] | null = null;
  #sentAt = 0;
  #answeredAt = 0;

  constructor(calls: readonly ReportCall[], regulator: Regulator, clock: Clock, oneByOne: () => void) {
    super();
    this.startBy = Math.min(...calls.map((one) => one.startBy));
    this.signal = calls[0]!.signal;
    this.#calls = calls;
    this.#regulator = regulator;
    this.#clock = clock;
    this.#oneByOne = oneByOne;
  }

  async run(): Promise<Outcome<unknown>> {
    this.#sentAt = this.#clock.now();
    const reports = this.#calls.map(({ report }) => report);
    this.#outcomes = await this.#regulator.reportBatch(reports, this.signal);
    this.#answeredAt = this.#clock.now();
    return wholeOutcome(this.#outcomes);
  }

  ended(): void {
    const outcomes = this.#outcomes;
    if (!outcomes) this.#oneByOne();
    else for (const [i, { told }] of this.#calls.entries()) told.made(outcomes[i]!, this.#sentAt, this.#answeredAt);
  }

  missed(none: NoTurn): void {
    for (const { told } of this.#calls) told.missed(none);
  }

  failed(error: unknown): void {
    for (const { told } of this.#calls) told.failed(error);
  }
}

/** What a batch says about the regulator: that it answered, if it did for one of the reports. */
function wholeOutcome(outcomes: readonly Outcome<unknown>[] | null): Outcome<unknown> {
  const answered = outcomes?.find(({ kind }) => kind === 'accepted' || kind === 'already' || kind === 'rejected');
  return answered ?? outcomes?.[0] ?? { kind: 'accepted', value: null };
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
