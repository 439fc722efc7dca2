import type { ProfileRef } from '../neighbours/neighbour-data.ts';
import { openRandom, type Random } from '../random.ts';

/** One human driver of the city. `pdId` and `licence` are as they are now; all else is as planned. */
export type Person = {
  readonly no: number;
  pdId: string;
  licence: string;
  readonly deptransId: string;
  /** `early` binds before the first shift, `late` some time after going on line, `never` does not. */
  readonly binds: 'early' | 'late' | 'never';
  /** Whether the id has been asked for, or is about to be. */
  asked: boolean;
  inside: boolean;
  located: boolean;
  /** The first one is never moved or deleted: it is the driver's own app. */
  profiles: Profile[];
};

export type Profile = ProfileRef & {
  status: 'offline' | 'online' | 'busy';
  categories: readonly string[];
};

export const listedTariffs: readonly string[] = ['econom', 'business', 'comfortplus'];

/** The people of a seed: always the same. One in three has a second profile, one in ten a third, in parks that differ. */
export function makePeople(count: number, seed: number | string): Person[] {
  const random = openRandom(`${seed}/people`);
  const parks = Math.max(4, Math.ceil(count / 50));
  const ids = makeIds(count, random);
  return Array.from({ length: count }, (_, no) => {
    const dice = random.next();
    const firstPark = random.int(parks);
    const profileCount = 1 + (random.chance(1 / 3) ? 1 : 0) + (random.chance(0.1) ? 1 : 0);
    const inside = random.chance(0.92);
    const categories = random.chance(0.95) ? pickTariffs(random) : ['cargo'];
    return {
      no,
      pdId: opaque(random),
      licence: makeLicence(random),
      deptransId: ids[no]!,
      binds: dice < 0.9 ? 'early' : dice < 0.95 ? 'late' : 'never',
      asked: dice < 0.9,
      inside,
      located: true,
      profiles: Array.from({ length: profileCount }, (__, which) => ({
        parkId: `park-${(firstPark + which) % parks}`,
        driverId: opaque(random),
        status: 'offline',
        categories,
      })),
    };
  });
}

export function isConnected({ profiles }: Person): boolean {
  return profiles.some(({ status }) => status !== 'offline');
}

export function isListed(categories: readonly string[]): boolean {
  return categories.some((category) => listedTariffs.includes(category));
}

export function pickTariffs(random: Random): string[] {
  const picked = listedTariffs.filter(() => random.chance(0.6));
  return picked.length > 0 ? picked : ['econom'];
}

export function makeLicence(random: Random): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.int(10)).join('');
  return `${digits(2)} ${digits(2)} ${digits(6)}`;
}

/** 32 hexadecimal digits. */
export function opaque(random: Random): string {
  return Array.from({ length: 4 }, () => random.int(0x1_0000_0000).toString(16).padStart(8, '0')).join('');
}

/** Short numbers close to each other, as the real ones, in no order. */
function makeIds(count: number, random: Random): string[] {
  const ids = Array.from({ length: count }, (_, no) => String(100_000 + no * 3));
  for (let at = ids.length - 1; at > 0; at -= 1) {
    const other = random.int(at + 1);
    [ids[at], ids[other]] = [ids[other]!, ids[at]!];
  }
  return ids;
}
