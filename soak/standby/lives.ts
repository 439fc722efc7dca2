import type { Point } from '../../src/domain/region.ts';
import type { Status } from '../balance/town.ts';
import { inside, outside } from '../world.ts';

/** What a driver does: before the standby falls behind, while it is behind (all of it is lost with the primary), and after the failover. */
export type Life = {
  name: string;
  before: readonly Step[];
  lost: readonly Step[];
  after: readonly Step[];
  /** Whether the driver must be connected at the end. */
  connected: boolean;
};

/** A status event, or a new place, which no event tells. */
export type Step = { status: Status } | { place: Point };

const on: Step = { status: 'online' };
const off: Step = { status: 'offline' };
const away: Step = { place: outside };
const back: Step = { place: inside };

/** Everybody begins inside and off line. */
export const lives: readonly Life[] = [
  { name: 'stays', before: [on], lost: [], after: [], connected: true },
  { name: 'never comes', before: [], lost: [], after: [], connected: false },
  { name: 'comes', before: [], lost: [on], after: [], connected: true },
  { name: 'leaves', before: [on], lost: [off], after: [], connected: false },
  { name: 'comes, and leaves after the failover', before: [], lost: [on], after: [off], connected: false },
  { name: 'leaves, and comes after the failover', before: [on], lost: [off], after: [on], connected: true },
  { name: 'comes and leaves', before: [], lost: [on, off], after: [], connected: false },
  { name: 'leaves and comes', before: [on], lost: [off, on], after: [], connected: true },
  { name: 'drives in', before: [away, on], lost: [back], after: [], connected: true },
  { name: 'drives in, and out after the failover', before: [away, on], lost: [back], after: [away], connected: false },
  { name: 'comes only after the failover', before: [], lost: [], after: [on], connected: true },
];
