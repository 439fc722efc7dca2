import type { Random } from '../../simulator/random.ts';
import { type Deed, type Driver, live, pause } from './driver.ts';
import type { Stage } from './stage.ts';

const minute = 60_000;
/** In the first part of a slot drivers live; in the rest nothing happens but what happens by itself. */
export const slotMs = 30 * minute;
export const rounds = 3;
/** Shorter than the service takes to ask again where somebody is … */
export const roundMs = 90_000;
/** … and longer. */
export const quietMs = 5 * minute;
export const silenceMs = 4 * 3_600_000;

/** Lets drivers live for a round, evenly over those that are left in the slot, and the service hear of it. Returns how much happened. */
export function openCourse(drivers: readonly Driver[], random: Random, stage: Stage) {
  const slots = new Map<number, Driver[]>();
  const put = (driver: Driver, atMs: number) => {
    const slot = Math.floor(atMs / minute);
    const there = slots.get(slot);
    if (there) there.push(driver);
    else slots.set(slot, [driver]);
  };
  let done = Math.floor(stage.now() / minute);
  const waiting: Driver[] = [];
  for (const driver of drivers) put(driver, stage.now() + minute + random.int(2 * 3_600_000));
  return async (roundsLeft: number, answers: boolean): Promise<number> => {
    await stage.advance(roundMs);
    const nowMs = stage.now();
    for (; done < Math.floor(nowMs / minute); done += 1) {
      waiting.push(...(slots.get(done) ?? []));
      slots.delete(done);
    }
    const deeds: Deed[] = [];
    for (const driver of waiting.splice(0, Math.ceil(waiting.length / roundsLeft))) {
      deeds.push(...live(driver, random, nowMs, answers));
      put(driver, nowMs + pause(random, silenceMs));
    }
    await stage.tell(deeds);
    return deeds.length;
  };
}
