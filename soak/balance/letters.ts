import type { Random } from '../../simulator/random.ts';
import type { SentEvent } from './ledger.ts';
import type { Status, TownProfile } from './town.ts';

/** A message of the topic: an event, or something that must go to quarantine for the reason given. */
export type Letter =
  | { event: Omit<SentEvent, 'offset' | 'generation'> }
  | { refusal: string; value: Uint8Array | null };

const statuses: readonly Status[] = ['offline', 'online', 'busy'];

/** The next message of one of these profiles: mostly what drivers do, now and then the last event again, an older one, or nonsense. */
export function writeLetter(profiles: readonly TownProfile[], random: Random, nowMs: number): Letter {
  const profile = random.pick(profiles);
  const dice = random.next();
  if (dice < 0.01) return writeNonsense(profile, random, nowMs);
  if (dice < 0.05) return { event: { profile, ...profile.last } };
  if (dice < 0.08) {
    return { event: { profile, status: random.pick(statuses), atMs: profile.last.atMs - 1 - random.int(2_000) } };
  }
  profile.last = { status: random.pick(statuses), atMs: profile.last.atMs + 1 + random.int(2_000) };
  return { event: { profile, ...profile.last } };
}

export function encode({ profile, status, atMs }: Omit<SentEvent, 'offset' | 'generation'>): Uint8Array {
  return jsonOf(profile, { status, event_at: new Date(atMs).toISOString() });
}

function writeNonsense(profile: TownProfile, random: Random, nowMs: number): Letter {
  const at = (ms: number) => new Date(nowMs + ms).toISOString();
  const kinds: Record<string, Uint8Array | null> = {
    UNREADABLE: random.chance(0.5) ? null : Buffer.from('{"park_id":'),
    BAD_KEY: jsonOf({ parkId: '', driverId: profile.driverId }, { status: 'online', event_at: at(0) }),
    BAD_STATUS: jsonOf(profile, { status: 'asleep', event_at: at(0) }),
    BAD_TIME: jsonOf(profile, { status: 'online', event_at: 'yesterday' }),
    TIME_IN_FUTURE: jsonOf(profile, { status: 'online', event_at: at(86_400_000) }),
    TIME_TOO_OLD: jsonOf(profile, { status: 'online', event_at: at(-8 * 86_400_000) }),
    TOO_LARGE: Buffer.alloc(64 * 1024 + 1, 0x20),
  };
  const refusal = random.pick(Object.keys(kinds));
  return { refusal, value: kinds[refusal]! };
}

function jsonOf({ parkId, driverId }: { parkId: string; driverId: string }, rest: object): Uint8Array {
  return Buffer.from(JSON.stringify({ park_id: parkId, driver_id: driverId, ...rest }));
}
