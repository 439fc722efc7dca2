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

/**
 * The service or engineer that an operation is asked by, from `x-caller`. A request with a driver's headers came through the drivers' gateway
 * and is refused, whatever else it says. Who the caller really is, the network must vouch for.
 */
export function readServiceCaller(header: Headers): string {
  const caller = header.get('x-caller') ?? '';
  const isDriver = header.has('x-yataxi-park-id') || header.has('x-yataxi-driver-profile-id');
  if (isDriver || !isId(caller)) {
    throw refuse('CREDENTIALS_MISSING', { message: 'Say in x-caller which service or engineer you are' });
  }
  return caller;
}
