import type { Order } from './checks.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Driver } from './driver-record.ts';
import type { Connection } from './endpoints.ts';

export type { Order };

export type DriverCacheOptions = Connection & {
  /** Base URLs of the service's instances. Both feeds begin at one of them, and go to the next whenever a stream ends. */
  endpoints: readonly string[];
  /** Facts older than this say nothing any more, also where the policy would allow it: checks answer UNKNOWN. The policy alone if not given. */
  maxAgeMs?: number;
  /** What an unknown check means for `allowed`. `'allow'` if not given: unknown is not a violation. */
  onUnknown?: 'allow' | 'deny';
  /** Where the copy is kept between two lives of the process. It holds personal data, and is readable by its owner alone. */
  dump?: DumpOptions;
  /** Pauses between streams: doubling from base to max, with jitter. 100 ms and 5 s if not given. */
  reconnect?: { baseMs?: number; maxMs?: number };
  /** Called after a record was taken in, also those of a snapshot. Ask `get` for what it says. */
  onChange?: (change: Change) => void;
  /** Called when the cache's state changes. */
  onState?: (state: CacheState, before: CacheState) => void;
  clock?: Clock;
};

export type DumpOptions = {
  path: string;
  /** Between two dumps; 60 s if not given. One more is written on closing. */
  everyMs?: number;
  /** Names whose data it is: a dump of another source is not loaded. The endpoints, sorted, if not given. */
  source?: string;
};

export type Change = Driver & {
  readonly kind: 'id' | 'session';
  /** The key has no record of that kind any more. */
  readonly deleted: boolean;
};

/**
 * - `loading`: nothing whole is held yet; every check is unknown
 * - `current`: both feeds are followed
 * - `detached`: a stream is down; answers come from memory, ever older
 * - `too_old`: older than `maxAgeMs`, or than the policy allows; every check is unknown
 * - `suspended`: switched off; every check is unknown and allowed
 * - `closed`
 */
export type CacheState = 'loading' | 'current' | 'detached' | 'too_old' | 'suspended' | 'closed';

export type Settings = Required<Pick<DriverCacheOptions, 'endpoints' | 'maxAgeMs' | 'onUnknown' | 'clock'>> & {
  reconnect: { baseMs: number; maxMs: number };
  dump: Required<DumpOptions> | null;
};

/** The options with what was left out. Throws a TypeError that names what cannot be. */
export function settingsOf(options: DriverCacheOptions): Settings {
  const {
    endpoints,
    maxAgeMs = Number.POSITIVE_INFINITY,
    onUnknown = 'allow',
    clock = systemClock,
    reconnect = {},
  } = options;
  if (!Array.isArray(endpoints)) throw new TypeError('endpoints: a list of URLs');
  if (!(maxAgeMs > 0)) throw new TypeError('maxAgeMs: more than 0');
  if (onUnknown !== 'allow' && onUnknown !== 'deny') throw new TypeError("onUnknown: 'allow' or 'deny'");
  const { baseMs = 100, maxMs = 5_000 } = reconnect;
  if (!(baseMs > 0 && maxMs >= baseMs)) throw new TypeError('reconnect: 0 < baseMs <= maxMs');
  const source = [...endpoints].sort().join(' ');
  const dump = options.dump ? { everyMs: 60_000, source, ...options.dump } : null;
  return { endpoints, maxAgeMs, onUnknown, clock, reconnect: { baseMs, maxMs }, dump };
}
