import type { Naive } from './run.ts';
import type { Setting } from './settings.ts';

/** A way to get it wrong: the fix taken out, and the shortest life that shows it. Without the switch the same life has no problem. */
export type Trap = {
  /** Number in the list of traps of the reporting protocol, and what is naive about it. */
  name: string;
  setting: Setting;
  naive: Naive;
  trace: string;
  /** The problem that must be found. */
  found: RegExp;
};
