import { type Driver, isPlainName, NotAdmitted } from './caller.ts';

const PARK = 'x-yataxi-park-id';
const DRIVER = 'x-yataxi-driver-profile-id';
const APP = 'x-request-application';

/** Whether a request names a driver by headers, well or badly. */
export function namesDriver(header: Headers): boolean {
  return header.has(PARK) || header.has(DRIVER);
}

/** The driver that the headers name. Refused without both, and where one came twice (the values are then joined). */
export function driverByHeaders(header: Headers): Driver {
  const parkId = header.get(PARK) ?? '';
  const driverId = header.get(DRIVER) ?? '';
  if (!isPlainName(parkId) || !isPlainName(driverId)) throw new NotAdmitted('missing', 'driver_headers');
  return { kind: 'driver', parkId, driverId, app: appNameOf(header.get(APP) ?? ''), byProxy: true };
}

/** The app's name: the whole text, or what `app_name=` says in a list of such pairs. */
export function appNameOf(text: string): string {
  const [, named] = /(?:^|,)\s*app_name=([^,]*)/i.exec(text) ?? [];
  const name = (named ?? text).trim().toLowerCase();
  return /^[\w.-]{1,64}$/.test(name) ? name : '';
}
