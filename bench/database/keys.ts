import { createHash } from 'node:crypto';

/** The i-th person, and the park and the driver of the i-th profile: 32 characters each, as neighbours make them. */
export const personKey = (i: number) => hash(`person ${i}`);
export const parkKey = (i: number) => hash(`park ${i % 2_000}`);
export const driverKey = (i: number) => hash(`driver ${i}`);

function hash(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
