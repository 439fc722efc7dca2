import type { Random } from '../../simulator/random.ts';

/** A message with its key; `refusal` is the reason for which it must go to quarantine. */
export type Mail = { key: string; value: Buffer; refusal: string | null };

export type Mailbag = {
  /** `count` new events of random profiles and what goes with them: copies, nonsense, all in disorder. */
  write(count: number): Mail[];
  /** The status each profile must end with. */
  readonly newest: ReadonlyMap<string, string>;
  readonly poison: number;
};

const statuses = ['offline', 'online', 'busy'];
const window = 400;

/** Events of `profiles` profiles, their times all different, from an hour ago on. One in 100 makes no sense; each other one comes 1 to 5 times. */
export function openMailbag(profiles: number, random: Random): Mailbag {
  const newest = new Map<string, string>();
  let atMs = Date.now() - 3_600_000;
  let poison = 0;
  const writeEvent = (): Mail[] => {
    atMs += 1;
    const driver = `d${random.int(profiles)}`;
    const status = random.pick(statuses);
    newest.set(`p/${driver}`, status);
    const value = { park_id: 'p', driver_id: driver, status, event_at: new Date(atMs).toISOString() };
    const mail = { key: `p/${driver}`, value: Buffer.from(JSON.stringify(value)), refusal: null };
    return Array.from({ length: random.chance(0.1) ? 2 + random.int(4) : 1 }, () => mail);
  };
  const writePoison = (): Mail[] => {
    poison += 1;
    return [{ key: `poison/${poison}`, value: Buffer.from(`{"park_id": ${poison}`), refusal: 'UNREADABLE' }];
  };
  return {
    newest,
    get poison() {
      return poison;
    },
    write(count) {
      const all = Array.from({ length: count }, () => (random.chance(0.01) ? writePoison() : writeEvent())).flat();
      return all
        .map((mail, i) => ({ mail, at: i + random.next() * window }))
        .sort((a, b) => a.at - b.at)
        .map(({ mail }) => mail);
    },
  };
}
