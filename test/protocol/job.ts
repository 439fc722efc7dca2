import { openWorker } from '../../src/delivery/worker.ts';
import { profileKey } from '../../src/domain/eligibility.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Rules } from '../../src/domain/region.ts';
import type { Session } from '../../src/domain/session.ts';
import type { ClaimedLook } from '../../src/store/claim.ts';
import type { Intent, WrittenIntent } from '../../src/store/intent.ts';
import type { JournalEntry } from '../../src/store/journal.ts';
import type { SettleItem } from '../../src/store/settle.ts';
import type { Request } from './regulator-model.ts';
import { nowOf, POINTS, placeOf, type Run } from './run.ts';

type Answer = Outcome<Session | null>;

/** Where a worker stands: everything it does next is a command of the test. */
export type Stage =
  | { at: 'held' }
  | { at: 'reading'; answer(outcome: Answer): void }
  | { at: 'intent'; intent: Intent; written(intent: WrittenIntent | null): void }
  | { at: 'calling'; request: Request; answer(outcome: Answer): void }
  | { at: 'settling'; item: SettleItem; settled(): void }
  | { at: 'gone' };

/** An account under a lease in the hands of a worker, run by the real worker. */
export type Job = {
  /** As it was claimed. */
  readonly look: ClaimedLook;
  readonly stage: Stage;
  /** Lets the worker judge by the positions of now. */
  decide(): Promise<void>;
  /** Does something that lets the worker go on, and waits until it stands again. */
  proceed(act: () => void): Promise<void>;
};

export function openJob(run: Run, claimed: ClaimedLook, rules: Rules): Job {
  const look = run.naive.look?.(claimed) ?? claimed;
  let stage: Stage = { at: 'held' };
  let moved = Promise.withResolvers<void>();
  const moveTo = (next: Stage) => {
    stage = next;
    moved.resolve();
  };
  const begin = (request: Request): Promise<Answer> => {
    run.requests.push(request);
    return new Promise((answer) => moveTo({ at: 'calling', request, answer }));
  };
  const worker = openWorker({
    limits: run.limits,
    journalKey: 'key',
    clock: { now: () => nowOf(run), monotonic: () => run.nowMs, sleep: () => Promise.resolve() },
    onReading: () => {},
    pace: { decided: () => {}, leave: () => {} },
    onFailure: (_, error) => run.problems.push(`a worker failed: ${error}`),
    settleLingerMs: () => 0,
    exchanges: {
      async read() {
        const outcome = await new Promise<Answer>((answer) => moveTo({ at: 'reading', answer }));
        return { outcome, entry: entryOf('lookup', look, outcome) };
      },
      report({ account: { deptransId: id } }, { direction }, occurredAt, { startBy }, ended) {
        if (run.nowMs > startBy) return ended.exchanged({ outcome: { kind: 'unavailable' }, entry: null });
        const request: Request = {
          id: id.replace(/^0+/, ''), // to the regulator a zero more is no other driver
          direction,
          occurredAt: occurredAt.getTime(),
          begunAt: nowOf(run),
          state: 'unsent',
          awaited: true,
          answer: { kind: 'unavailable' },
        };
        const sentAt = nowOf(run);
        void begin(request).then((outcome) => {
          const entry = { ...entryOf('outcome', look, outcome), sentAt, answeredAt: nowOf(run) };
          ended.exchanged({ outcome, entry });
        });
      },
    },
    writeIntents: ([intent]) =>
      new Promise((resolve) => moveTo({ at: 'intent', intent: intent!, written: (written) => resolve([written]) })),
    settle: ([item]) => new Promise((settled) => moveTo({ at: 'settling', item: item!, settled })),
  });
  const proceed = async (act: () => void) => {
    moved = Promise.withResolvers();
    act();
    await moved.promise;
  };
  return {
    look: claimed,
    get stage() {
      return stage;
    },
    proceed,
    decide: () =>
      proceed(() => {
        void worker
          .workOn([look], rules, positionsOf(run, look), new AbortController().signal)
          .then(() => moveTo({ at: 'gone' }));
      }),
  };
}

function entryOf(kind: 'lookup' | 'outcome', look: ClaimedLook, outcome: Answer): JournalEntry {
  return { kind, leaseToken: look.token, outcome: outcome.kind };
}

function positionsOf(run: Run, look: ClaimedLook) {
  return new Map(
    look.profiles.flatMap((profile) => {
      const place = placeOf(run, profile.driverId);
      return place === 'unknown' ? [] : [[profileKey(profile), POINTS[place]] as const];
    }),
  );
}
