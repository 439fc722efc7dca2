import type { Outcome } from '../domain/outcome.ts';
import type { Session } from '../domain/session.ts';
import type { Regulator, Report } from '../regulator/regulator.ts';
import type { Clock } from '../runtime/clock.ts';
import { NoTurn, type Pace } from './pace.ts';

/** A call that was made: what it came to, and when it left and was answered. */
export type Made<T> = { outcome: Outcome<T>; sentAt: Date; answeredAt: Date };

/**
 * Sends reports at the pace allowed: one in a call, or, when more have come together than the rate has room for and the regulator takes batches,
 * many. Reports that come together are of different accounts, each under a lease of its own, so a batch changes nothing of who may call when.
 */
export type ReportBatches = {
  send(report: Report, startBy: number, signal: AbortSignal): Promise<Made<Session | null> | NoTurn>;
};

type Waiting = {
  report: Report;
  startBy: number;
  signal: AbortSignal;
  done(made: Made<Session | null> | NoTurn): void;
  fail(error: unknown): void;
};

/** Fewer than this are not worth the trouble of a batch. */
const LEAST_BATCH = 3;

export function openReportBatches(regulator: Regulator, pace: Pace, clock: Clock): ReportBatches {
  let waiting: Waiting[] = [];

  const sendOne = ({ report, startBy, signal, done }: Waiting): Promise<void> => {
    const make = (): Promise<Made<Session | null>> => {
      const sentAt = new Date(clock.now());
      return regulator
        .report(report.deptransId, report.direction, report.occurredAt, signal)
        .then((outcome) => ({ outcome, sentAt, answeredAt: new Date(clock.now()) }));
    };
    return pace.call({ startBy, signal }, make, ({ outcome }) => outcome).then(done);
  };

  const sendBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const [first] = batch;
    const startBy = Math.min(...batch.map((one) => one.startBy));
    const make = async () => {
      const sentAt = new Date(clock.now());
      const reports = batch.map(({ report }) => report);
      const outcomes = await regulator.reportBatch(reports, first!.signal);
      return { outcomes, sentAt, answeredAt: new Date(clock.now()) };
    };
    const judge = ({ outcomes }: Awaited<ReturnType<typeof make>>) => wholeOutcome(outcomes);
    const made = await pace.call({ startBy, signal: first!.signal }, make, judge);
    if (made instanceof NoTurn) for (const { done } of batch) done(made);
    else if (!made.outcomes) await sendAll(batch, false);
    else {
      const { outcomes, sentAt, answeredAt } = made;
      for (const [i, { done }] of batch.entries()) done({ outcome: outcomes[i]!, sentAt, answeredAt });
    }
  };

  const sendAll = async (reports: readonly Waiting[], mayShare: boolean): Promise<void> => {
    const { maxBatch } = regulator.capabilities;
    const share = mayShare && maxBatch > 1 && reports.length >= LEAST_BATCH && reports.length > pace.room;
    const groups = share ? inGroups(reports, maxBatch) : reports.map((one) => [one]);
    await Promise.all(
      groups.map((group) =>
        (group.length > 1 ? sendBatch(group) : sendOne(group[0]!)).catch((error) => {
          for (const { fail } of group) fail(error);
        }),
      ),
    );
  };

  const flush = () => {
    const reports = waiting;
    waiting = [];
    void sendAll(reports, true); // each report tells its own caller what became of it
  };

  return {
    send: (report, startBy, signal) =>
      new Promise((done, fail) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ report, startBy, signal, done, fail });
      }),
  };
}

/** What a batch says about the regulator: that it answered, if it did for one of the reports. */
function wholeOutcome(outcomes: readonly Outcome<unknown>[] | null): Outcome<unknown> {
  const answered = outcomes?.find(({ kind }) => kind === 'accepted' || kind === 'already' || kind === 'rejected');
  return answered ?? outcomes?.[0] ?? { kind: 'accepted', value: null };
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
