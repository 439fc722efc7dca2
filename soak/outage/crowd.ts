import { openRandom } from '../../simulator/random.ts';

/** Of so many people one stays on line; the others go off again before the regulator is back. */
export const onePerStays = 5;

export type Told = { no: number; status: 'online' | 'offline'; atMs: number };

export type Crowd = {
  /** All events, oldest first. */
  readonly events: readonly Told[];
  /** When who stays came on line. */
  readonly stays: ReadonlyMap<number, number>;
};

/** People who come on line one after another between two moments. */
export function makeCrowd(people: number, fromMs: number, toMs: number, seed: number): Crowd {
  const random = openRandom(`${seed}/crowd`);
  const stays = new Map<number, number>();
  const events: Told[] = [];
  for (let no = 1; no <= people; no += 1) {
    const onMs = fromMs + random.int(toMs - fromMs - 2);
    events.push({ no, status: 'online', atMs: onMs });
    if (random.int(onePerStays) === 0) stays.set(no, onMs);
    else events.push({ no, status: 'offline', atMs: onMs + 1 + random.int(toMs - onMs - 1) });
  }
  events.sort((a, b) => a.atMs - b.atMs);
  return { events, stays };
}
