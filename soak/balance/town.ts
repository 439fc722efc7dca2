import { openRandom, type Random } from '../../simulator/random.ts';

/** What must become of a person's events once they are looked at; each person has one fate for good. */
export type Fate =
  | 'plain'
  | 'unbound'
  | 'tariff'
  | 'outside'
  /** Nobody knows where. */
  | 'nowhere'
  /** The mirror does not know the profile. */
  | 'stranger'
  /** The regulator refuses CONNECTED. */
  | 'blocked'
  /** Events older than the age up to which they are told. */
  | 'stale';

export type Status = 'offline' | 'online' | 'busy';

export type TownPerson = { no: number; fate: Fate; profiles: TownProfile[] };

export type TownProfile = {
  readonly person: TownPerson;
  readonly parkId: string;
  readonly driverId: string;
  /** The partition of its events. */
  readonly partition: number;
  /** The last event that was written for it. */
  last: { status: Status; atMs: number };
};

const shares: readonly (readonly [Fate, number])[] = [
  ['unbound', 0.05],
  ['tariff', 0.05],
  ['outside', 0.05],
  ['nowhere', 0.04],
  ['stranger', 0.03],
  ['blocked', 0.03],
  ['stale', 0.05],
];
const hourMs = 3_600_000;

/** People with one or two profiles each. Their events begin an hour ago, those of stale ones two days ago. */
export function makeTown(count: number, partitions: number, seed: string, nowMs: number): TownPerson[] {
  const random = openRandom(`${seed}/town`);
  return Array.from({ length: count }, (_, no) => {
    const fate = drawFate(random);
    const person: TownPerson = { no, fate, profiles: [] };
    const atMs = nowMs - (fate === 'stale' ? 48 * hourMs : hourMs);
    for (let i = 0; i < (random.chance(0.2) ? 2 : 1); i += 1) {
      const partition = random.int(partitions);
      const names = { parkId: `park-${random.int(50)}`, driverId: `driver-${no}-${i}` };
      person.profiles.push({ person, ...names, partition, last: { status: 'offline', atMs } });
    }
    return person;
  });
}

function drawFate(random: Random): Fate {
  let dice = random.next();
  for (const [fate, share] of shares) {
    dice -= share;
    if (dice < 0) return fate;
  }
  return 'plain';
}

export const idOf = ({ no }: TownPerson): string => String(1_000_000 + no);
