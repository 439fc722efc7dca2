import type { DriverRef } from '../store/bindings.ts';
import { refuse } from './errors.ts';

const MAX_LENGTH = 64;

/**
 * The driver that a request comes from, as the gateway in front of the service wrote it into `X-YaTaxi-Park-Id` and
 * `X-YaTaxi-Driver-Profile-Id`. Never from the message. Refused without both, and where one came twice (the values are then joined).
 */
export function readDriverRef(header: Headers): DriverRef {
  const parkId = header.get('x-yataxi-park-id') ?? '';
  const driverId = header.get('x-yataxi-driver-profile-id') ?? '';
  if (!isId(parkId) || !isId(driverId)) throw refuse('CREDENTIALS_MISSING');
  return { parkId, driverId };
}

/** Printable ASCII but for the space and the comma. */
function isId(text: string): boolean {
  return text.length <= MAX_LENGTH && /^[!-+\--~]+$/.test(text);
}
