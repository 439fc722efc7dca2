import type { LossPerson, LossProfile, ShiftWord } from '../../simulator/judge/loss.ts';
import type { Random } from '../../simulator/random.ts';
import { shareOf } from '../../verdict/verdict.ts';

const minute = 60_000;
const hour = 60 * minute;
/** The service may take the last event to be so much older than it is. */
const grainMs = 10 * minute;
/**
 * Of what a driver does, up to here, a fiftieth is to cross a border. As half an hour of deeds comes in 4.5 minutes, that is twice a day for each driver while it lasts; the
 * service asks every two minutes where somebody is, so it must be behind by those who crossed since.
 */
const CROSSING = 0.19;
export const tariffLists = [['econom'], ['econom'], ['business', 'econom'], ['business'], ['cargo'], []] as const;

/** A driver as he really is. All his profiles are in one car. */
export class Driver implements LossPerson {
  readonly no: number;
  readonly profiles: Profile[];
  place: string | null;
  binding: 'unbound' | 'bound' | 'recheck' = 'unbound';
  boundAtMs = 0;
  shift: { word: ShiftWord; endsAtMs: number; region: string } | null = null;
  /** How many licences he has had before this one. */
  licence = 0;
  licensed = true;
  /** Whether it was asked once if the id goes with another licence. */
  isAsked = false;

  constructor(no: number, random: Random) {
    this.no = no;
    this.place = random.pick(['moscow', 'moscow', 'moscow', 'tver', null]);
    this.profiles = Array.from({ length: random.chance(0.2) ? 2 : 1 }, (_, i) => ({
      parkId: `park-${(no + i) % 20}`,
      driverId: `${no}-${i}`,
      tariffs: random.pick(tariffLists),
      connected: false,
      heardAtMs: Number.NEGATIVE_INFINITY,
      status: 'offline' as const,
    }));
  }

  get person(): string {
    return `person-${this.no}-${this.licence}`;
  }

  get share(): number {
    return shareOf(this.person);
  }

  get deptransId(): string {
    return String(1_000_000 + this.no);
  }
}

export type Profile = { -readonly [K in keyof LossProfile]: LossProfile[K] } & {
  readonly driverId: string;
  status: 'offline' | 'online' | 'busy';
};

/** What happens to a driver, as the service has to be told. */
export type Deed =
  | { kind: 'status'; driver: Driver; profile: Profile; status: Profile['status']; atMs: number }
  | { kind: 'tariffs'; driver: Driver; profile: Profile }
  | { kind: 'licence'; driver: Driver }
  | { kind: 'binding'; driver: Driver }
  | { kind: 'shift'; driver: Driver }
  | { kind: 'place'; driver: Driver };

/** Does the next thing in a driver's life, and says what it was. Shifts begin and end only while the regulator answers. */
export function live(driver: Driver, random: Random, atMs: number, answers: boolean): Deed[] {
  const on = driver.profiles.filter(({ connected }) => connected);
  const dice = random.next();
  if (dice < 0.015) return renew(driver);
  if (dice < (driver.binding === 'bound' ? 0.025 : 0.08)) return bind(driver, atMs);
  if (dice < 0.17) return retariff(driver, random);
  if (dice < CROSSING)
    return [
      { kind: 'place', driver: Object.assign(driver, { place: random.pick(['moscow', 'moscow', 'tver', null]) }) },
    ];
  if (dice < 0.55 && answers) return turnShift(driver, random, atMs, on.length > 0);
  const profile = random.pick(driver.profiles);
  const next = on.length === 0 || random.chance(0.6) ? random.pick(['online', 'busy'] as const) : 'offline';
  return [say(driver, profile, next, atMs)];
}

/** How long until he does something again. */
export function pause(random: Random, silenceMs: number): number {
  return random.chance(0.01) ? silenceMs + random.int(2 * hour) : 5 * minute + random.int(3 * hour);
}

function say(driver: Driver, profile: Profile, status: Profile['status'], atMs: number): Deed {
  const isOn = status !== 'offline';
  if (isOn !== profile.connected || atMs >= profile.heardAtMs + grainMs) profile.heardAtMs = atMs;
  Object.assign(profile, { status, connected: isOn });
  return { kind: 'status', driver, profile, status, atMs };
}

function renew(driver: Driver): Deed[] {
  driver.licence += 1;
  // Nobody answers whether the id goes with the new licence, so a question that was asked once is handed on.
  driver.isAsked ||= driver.binding === 'bound';
  driver.binding = driver.isAsked ? 'recheck' : 'unbound';
  driver.shift = null;
  return [{ kind: 'licence', driver }];
}

function bind(driver: Driver, atMs: number): Deed[] {
  const isBound = driver.binding === 'bound';
  Object.assign(driver, { binding: isBound ? 'unbound' : 'bound', boundAtMs: atMs, shift: null });
  return [{ kind: 'binding', driver }];
}

function retariff(driver: Driver, random: Random): Deed[] {
  const profile = random.pick(driver.profiles);
  profile.tariffs = random.pick(tariffLists);
  return [{ kind: 'tariffs', driver, profile }];
}

function turnShift(driver: Driver, random: Random, atMs: number, isOn: boolean): Deed[] {
  if (driver.binding !== 'bound') return [];
  const { shift } = driver;
  const isRunning = shift !== null && shift.word !== 'finished';
  if (isOn && driver.place !== null && (!isRunning || random.chance(0.3))) {
    const word = random.pick(['online', 'online', 'online', 'issued', 'unrecognised'] as const);
    driver.shift = { word, endsAtMs: atMs + minute + random.int(5 * hour), region: driver.place };
  } else if (isRunning) driver.shift = { ...shift, word: 'finished' };
  else return [];
  return [{ kind: 'shift', driver }];
}
