import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { isKey, isPrintable } from '../domain/key.ts';
import { refuse } from './errors.ts';

/** What operators ask for, checked: each function returns what the request says, or refuses it. */
type Ref = { parkId: string; driverId: string };

/** `within`: where the fields stand. */
export function checkDriver(driver: Ref | undefined, within = 'driver.'): Ref {
  const { parkId, driverId } = driver ?? { parkId: '', driverId: '' };
  const wrong = [...(isKey(parkId) ? [] : [`${within}park_id`]), ...(isKey(driverId) ? [] : [`${within}driver_id`])];
  if (wrong.length > 0) throw malformed(wrong, '1 to 64 printable bytes');
  return { parkId, driverId };
}

export function checkText(field: string, text: string, maxBytes: number): string {
  if (!isPrintable(text, maxBytes)) throw malformed([field], `1 to ${maxBytes} printable bytes`);
  return text;
}

const MAX_IDS = 1_000;

export function checkIds(ids: readonly bigint[]): number[] {
  if (ids.length === 0 || ids.length > MAX_IDS) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'ids', description: `1 to ${MAX_IDS} ids` }] });
  }
  const numbers = [...new Set(ids)].map(Number);
  if (!numbers.every((id) => Number.isSafeInteger(id) && id > 0)) throw malformed(['ids'], 'ids of the quarantine');
  return numbers;
}

const MAX_RANGE_MS = 31 * 86_400_000;
/** Beyond these a time is no time of the database's. */
const EARLIEST_S = -60_000_000_000n;
const LATEST_S = 250_000_000_000n;

export function checkRange(from: Timestamp | undefined, to: Timestamp | undefined): { from: Date; to: Date } {
  const wrong = [...(isTime(from) ? [] : ['from']), ...(isTime(to) ? [] : ['to'])];
  if (!from || !to || wrong.length > 0) throw malformed(wrong, 'a time');
  const range = { from: timestampDate(from), to: timestampDate(to) };
  const length = range.to.getTime() - range.from.getTime();
  if (length <= 0) throw malformed(['to'], 'a time after `from`');
  if (length > MAX_RANGE_MS) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'to', description: 'at most 31 days after `from`' }] });
  }
  return range;
}

/** Whether the database knows such a time. */
export function isTime(time: Timestamp | undefined): boolean {
  return time !== undefined && time.seconds > EARLIEST_S && time.seconds < LATEST_S;
}

function malformed(fields: readonly string[], description: string) {
  return refuse('REQUEST_MALFORMED', { fields: fields.map((field) => ({ field, description })) });
}
