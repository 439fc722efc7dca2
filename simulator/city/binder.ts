import { setTimeout as pause } from 'node:timers/promises';
import type { Truth } from '../judge/truth.ts';
import type { DriverApp } from './driver-app.ts';
import type { Person } from './people.ts';

/**
 * The drivers' apps: bind ids through the service as drivers do, patiently, and write into the truth what came of it.
 *
 * Guarantees: what one driver wants happens in order, and a change of his papers waits until nothing is under way; an id whose binding is
 * not answered yet is marked as unsettled. A definite refusal of the right id, or a definite success of a wrong one, is counted.
 */
export type Binder = {
  /** Binds the person's id. */
  bind(person: Person): Promise<void>;
  /** Runs `change` (of the licence) when nothing is under way, then binds again, unless nothing was bound. Nothing at all after `freeze`. */
  changePapers(person: Person, change: (atMs: number) => void): Promise<void>;
  /** Tries an id that is not the person's. */
  tryWrong(person: Person, deptransId: string): Promise<void>;
  /** From now on no papers change. What is under way goes on. */
  freeze(): void;
  resume(): void;
  readonly counts: Readonly<BinderCounts>;
  readonly underWay: number;
};

export type BinderCounts = {
  bound: number;
  rebound: number;
  refused: number;
  wrongRefused: number;
  wrongAccepted: number;
};

const lookAgainMs = 200;
const longestPauseMs = 2_000;

export function openBinder(app: DriverApp, truth: Truth, now: () => number, signal: AbortSignal): Binder {
  const counts: BinderCounts = { bound: 0, rebound: 0, refused: 0, wrongRefused: 0, wrongAccepted: 0 };
  const lines = new Map<Person, Promise<void>>();
  let frozen = false;
  const inLine = (person: Person, act: () => Promise<void>) => {
    const before = lines.get(person) ?? Promise.resolve();
    const mine = before.then(act).catch((problem: unknown) => {
      if (!signal.aborted) throw problem;
    });
    lines.set(person, mine);
    return mine.finally(() => {
      if (lines.get(person) === mine) lines.delete(person);
    });
  };
  const unsettled = async (person: Person, act: () => Promise<void>) => {
    truth.unsettled(person.deptransId, true);
    await act();
    truth.unsettled(person.deptransId, false);
  };
  const bindNow = async (person: Person, fromMs: number) => {
    const written = person.no % 4 === 0 ? `00${person.deptransId}` : person.deptransId;
    const accepted = await setUntilSure(app, person, written, signal);
    if (accepted) truth.binding(person.deptransId, person.pdId, fromMs);
    return accepted;
  };
  return {
    counts,
    get underWay() {
      return lines.size;
    },
    freeze() {
      frozen = true;
    },
    resume() {
      frozen = false;
    },
    bind: (person) =>
      inLine(person, () =>
        unsettled(person, async () => {
          counts[(await bindNow(person, now())) ? 'bound' : 'refused'] += 1;
        }),
      ),
    changePapers: (person, change) =>
      inLine(person, async () => {
        if (frozen) return;
        const bound = truth.holder(person.deptransId) !== null;
        const atMs = now();
        change(atMs);
        if (!bound) return;
        await unsettled(person, async () => {
          const moved = await untilSeen(app, person, atMs, signal);
          if (moved) truth.binding(person.deptransId, person.pdId, atMs);
          counts[moved || (await bindNow(person, now())) ? 'rebound' : 'refused'] += 1;
        });
      }),
    tryWrong: (person, deptransId) =>
      inLine(person, async () => {
        const accepted = await setUntilSure(app, person, deptransId, signal);
        counts[accepted ? 'wrongAccepted' : 'wrongRefused'] += 1;
      }),
  };
}

/** True: bound. False: refused for good. */
async function setUntilSure(app: DriverApp, person: Person, id: string, signal: AbortSignal): Promise<boolean> {
  for (let pauseMs = 100; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const answer = await app.set(person.profiles[0]!, id, signal);
    if (answer.kind !== 'later') return answer.kind === 'bound';
    await pause(answer.retryAfterMs ?? pauseMs, undefined, { signal });
  }
}

/** Waits until the service has seen the change of licence. True: it has moved the id to the new one by itself. */
async function untilSeen(app: DriverApp, person: Person, changedAtMs: number, signal: AbortSignal): Promise<boolean> {
  for (let pauseMs = lookAgainMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const seen = await app.get(person.profiles[0]!, signal);
    if (seen && !seen.bound) return false;
    if (seen && seen.updatedAtMs >= changedAtMs) return true;
    await pause(pauseMs, undefined, { signal });
  }
}
