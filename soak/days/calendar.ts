import type { Random } from '../../simulator/random.ts';
import { type Action, type Driver, firstAtMs, nextAction } from './driver.ts';

export type Done = Action & { atMs: number };

/** Who does what next. Time goes in slots, and within a slot in order. */
export type Calendar = {
  /**
   * Lets everything happen that is to happen in the slot that ends next. Whoever wants to cross the border, or is to be missed by nothing but
   * a sweep, waits until it `isOpen`.
   */
  next(isOpen: boolean): Done[];
};

export type CalendarOptions = {
  fromMs: number;
  slotMs: number;
  /** All that happens in a slot happens in its last part, of so long: the rest of the time nothing new is to be told. */
  busyMs: number;
  silenceMs: number;
};

/** The border is crossed in the last seconds of a slot. */
const lastMs = 5_000;

export function openCalendar(
  drivers: readonly Driver[],
  random: Random,
  { fromMs, slotMs, busyMs, silenceMs }: CalendarOptions,
): Calendar {
  const slots = new Map<number, { driver: Driver; atMs: number }[]>();
  let atBorder: { action: Action; thenInMs: number }[] = [];
  let next = 0;
  const put = (driver: Driver, afterMs: number) => {
    const slot = Math.max(next, Math.floor(afterMs / slotMs));
    const share = Math.max(0, afterMs / slotMs - slot);
    const entry = { driver, atMs: Math.floor((slot + 1) * slotMs - (1 - share) * busyMs) };
    const there = slots.get(slot);
    if (there) there.push(entry);
    else slots.set(slot, [entry]);
  };
  for (const driver of drivers) put(driver, firstAtMs(random));

  const act = (done: Done[], { action, thenInMs }: { action: Action; thenInMs: number }, atMs: number) => {
    apply(action, fromMs + atMs);
    done.push({ ...action, atMs: fromMs + atMs });
    put(action.driver, atMs + thenInMs);
  };
  return {
    next(isOpen) {
      const done: Done[] = [];
      const here = (slots.get(next) ?? []).sort((a, b) => a.atMs - b.atMs);
      slots.delete(next);
      next += 1;
      for (const { driver, atMs } of here) {
        const planned = nextAction(driver, random, silenceMs);
        if (planned.action.kind === 'place' || planned.action.kind === 'silence') atBorder.push(planned);
        else act(done, planned, atMs);
      }
      if (!isOpen) return done;
      for (const planned of atBorder) act(done, planned, next * slotMs - 1 - random.int(lastMs));
      atBorder = [];
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
      action.profile.saidAtMs = atMs;
      return;
    case 'tariff':
      action.profile.listed = action.listed;
      return;
    case 'binding':
      driver.bound = action.bound;
      return;
    case 'licence':
      driver.licence += 1;
      driver.bound = false;
      return;
    case 'silence':
      for (const profile of driver.profiles) if (profile.status !== 'offline') profile.saidAtMs = atMs;
      return;
    case 'place':
      driver.inside = action.inside;
      if (!action.inside) driver.leftAtMs = atMs;
      return;
    default:
      action satisfies never;
  }
}
