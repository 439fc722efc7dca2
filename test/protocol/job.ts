import { workOn } from '../../src/delivery/worker.ts';
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

/** An account under a lease in the hands of a worker, run by the real `workOn`. */
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
  const parts: Parameters<typeof workOn>[3] = {
    limits: run.limits,
    journalKey: 'key',
    clock: { now: () => nowOf(run), monotonic: () => run.nowMs, sleep: () => Promise.resolve() },
    onReading: () => {},
    exchanges: {
      async read() {
        const outcome = await new Promise<Answer>((answer) => moveTo({ at: 'reading', answer }));
        return { outcome, entry: entryOf('lookup', look, outcome) };
      },
      async report({ account: { deptransId: id } }, { direction }, occurredAt, startBy) {
        if (run.nowMs > startBy) return { outcome: { kind: 'unavailable' }, entry: null };
        const request: Request = {
          id: id.replace(/^0+/, ''), // to the regulator a zero more is no other driver
          direction,
          occurredAt: occurredAt.getTime(),
          begunAt: nowOf(run),
          state: 'unsent',
          awaited: true,
          answer: { kind: 'unavailable' },
        };
        const sentAt = new Date(nowOf(run));
        const outcome = await begin(request);
        return { outcome, entry: { ...entryOf('outcome', look, outcome), sentAt, answeredAt: new Date(nowOf(run)) } };
      },
    },
    intents: { add: (intent) => new Promise((written) => moveTo({ at: 'intent', intent, written })) },
    settlements: { add: (item) => new Promise((settled) => moveTo({ at: 'settling', item, settled })) },
  };
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
        workOn(look, rules, positionsOf(run, look), parts, new AbortController().signal).then(
          () => moveTo({ at: 'gone' }),
          (error) => {
            run.problems.push(`a worker failed: ${error}`);
            moveTo({ at: 'gone' });
          },
        );
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
