import { isKey } from './key.ts';

/**
 * A driver's change of status, as one value that can be trusted. `parseStatusEvent` is the only way in: whatever came from outside is either
 * such an event or has exactly one reason to be refused. Pure; times are ms since 1970.
 */
export type DriverStatus = 'offline' | 'online' | 'busy';

export type StatusEvent = { parkId: string; driverId: string; status: DriverStatus; eventAtMs: number };

/** The names of the contract's `RejectedEvent.Reason`. */
export type RefusalReason =
  | 'UNREADABLE'
  | 'BAD_KEY'
  | 'BAD_STATUS'
  | 'BAD_TIME'
  | 'TIME_IN_FUTURE'
  | 'TIME_TOO_OLD'
  | 'TOO_LARGE';

/** An event is refused that is older than this: the guard against replays does not reach further back. */
export const replayHorizonMs = 7 * 24 * 3600_000;
/** An event is refused that lies further ahead: believed, it would make every later one look old. */
export const maxFutureMs = 60_000;

/**
 * Checks the fields of an event, however they came: `undefined` stands for "absent or not of this kind". The window of time is not judged here,
 * see `refuseTime`.
 */
export function parseStatusEvent(fields: {
  parkId: unknown;
  driverId: unknown;
  status: unknown;
  eventAtMs: number | undefined;
}): StatusEvent | RefusalReason {
  const { parkId, driverId, status, eventAtMs } = fields;
  if (!isKey(parkId) || !isKey(driverId)) return 'BAD_KEY';
  if (status !== 'offline' && status !== 'online' && status !== 'busy') return 'BAD_STATUS';
  if (eventAtMs === undefined || !Number.isFinite(eventAtMs)) return 'BAD_TIME';
  return { parkId, driverId, status, eventAtMs };
}

/** Why an event of that time cannot be taken at `nowMs`, or null. A time in the wrong unit ends here too. */
export function refuseTime(eventAtMs: number, nowMs: number): RefusalReason | null {
  if (eventAtMs > nowMs + maxFutureMs) return 'TIME_IN_FUTURE';
  if (eventAtMs < nowMs - replayHorizonMs) return 'TIME_TOO_OLD';
  return null;
}

const instant = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** An RFC 3339 time, cut to whole milliseconds, or undefined. No leap second, no space for the T, no day that does not exist. */
export function parseRfc3339(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  return readPlainInstant(text) ?? readInstant(text);
}

/** The midnight of the day that was read last: events come by the thousand of one day. */
let lastDay = { text: '1970-01-01', midnight: 0 };

/** `2026-11-23T19:00:00.123Z`, as almost everybody writes it, of the day that was read last; else undefined. */
function readPlainInstant(text: string): number | undefined {
  if (text.length !== 24 || text[10] !== 'T' || text[13] !== ':' || text[16] !== ':' || text[19] !== '.')
    return undefined;
  if (text[23] !== 'Z' || !text.startsWith(lastDay.text)) return undefined;
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  const ms = digits(text, 20, 23);
  if (!(hour < 24 && minute < 60 && second < 60 && ms < 1000)) return undefined;
  return lastDay.midnight + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
}

/** The number that the digits from `from` to `to` make, or NaN. */
function digits(text: string, from: number, to: number): number {
  let n = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    n = n * 10 + digit;
  }
  return n;
}

function readInstant(text: string): number | undefined {
  const parts = instant.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const midnight = new Date(0).setUTCFullYear(year, month - 1, day);
  const date = new Date(midnight);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  lastDay = { text: text.slice(0, 10), midnight };
  const ms = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const shift = offsetMinutes(parts[8], Number(parts[9] ?? 0), Number(parts[10] ?? 0));
  return shift === undefined ? undefined : midnight + ((hour * 60 + minute - shift) * 60 + second) * 1000 + ms;
}

function offsetMinutes(sign: string | undefined, hours: number, minutes: number): number | undefined {
  if (hours > 23 || minutes > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes);
}
