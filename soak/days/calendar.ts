import type { Random } from '../../simulator/random.ts';
import { type Action, type Driver, firstAtMs, nextAction } from './driver.ts';

export type Done = Action & { atMs: number };

/** Who does what next. Time goes in slots, and within a slot in order. */
export type Calendar = {
  /** Lets everything happen that was to happen in the slots that are over by `nowMs`. Whoever wants to cross the border waits until it `isOpen`. */
  until(nowMs: number, isOpen: boolean): Done[];
};

/** The border is crossed in the last seconds of a slot. */
const lastMs = 5_000;

export function openCalendar(
  drivers: readonly Driver[],
  random: Random,
  { fromMs, slotMs }: { fromMs: number; slotMs: number },
): Calendar {
  const slots = new Map<number, { driver: Driver; atMs: number }[]>();
  let atBorder: Driver[] = [];
  let next = 0;
  const put = (driver: Driver, atMs: number) => {
    const slot = Math.max(next, Math.floor((atMs - fromMs) / slotMs));
    const there = slots.get(slot);
    if (there) there.push({ driver, atMs });
    else slots.set(slot, [{ driver, atMs }]);
  };
  for (const driver of drivers) put(driver, fromMs + firstAtMs(random));

  const live = (done: Done[], { driver, atMs }: { driver: Driver; atMs: number }) => {
    const { action, thenInMs } = nextAction(driver, random);
    if (action.kind === 'place') {
      atBorder.push(driver);
      return;
    }
    apply(action, atMs);
    done.push({ ...action, atMs });
    put(driver, atMs + thenInMs);
  };
  const cross = (done: Done[], atMs: number) => {
    for (const driver of atBorder) {
      const action: Action = { kind: 'place', driver, inside: !driver.inside };
      apply(action, atMs);
      done.push({ ...action, atMs });
      put(driver, atMs + slotMs + random.int(90 * 60_000));
    }
    atBorder = [];
  };
  return {
    until(nowMs, isOpen) {
      const done: Done[] = [];
      while (fromMs + (next + 1) * slotMs <= nowMs) {
        const here = (slots.get(next) ?? []).sort((a, b) => a.atMs - b.atMs);
        slots.delete(next);
        next += 1;
        for (const one of here) live(done, one);
        if (isOpen) cross(done, fromMs + next * slotMs - 1 - random.int(lastMs));
      }
      return done;
    },
  };
}

function apply(action: Action, atMs: number): void {
  const { driver } = action;
  driver.changedAtMs = atMs;
  switch (action.kind) {
    case 'status':
      action.profile.status = action.status;
      return;
    case 'tariff':
      action.profile.listed = action.listed;
      return;
    case 'binding':
      driver.bound = action.bound;
      return;
    case 'place':
      driver.inside = action.inside;
      if (!action.inside) driver.leftAtMs = atMs;
      return;
    default:
      action satisfies never;
  }
}
