import type { Naive } from './run.ts';
import type { Setting } from './settings.ts';
import type { Mutation } from './steppable.ts';

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

/** A trap as a line of a table. */
export type TrapLine = readonly [name: string, setting: Setting, naive: Naive, trace: string, found: RegExp];

export function trapOf([name, setting, naive, trace, found]: TrapLine): Trap {
  return { name, setting, naive, trace, found };
}

/** Statements with a piece of their text replaced: `[statement, what stands there, what the naive version has]`. */
export function swapped(...swaps: readonly (readonly [statement: string, take: string, put: string])[]): Naive {
  return { mutations: swaps.map(([statement, take, put]): Mutation => ({ statement, take, put })) };
}

/** What the traps end in. */
export const OPEN = /open and should be closed/;
export const CLOSED = /closed and should be open/;
export const TWO_CALLS = /two calls/;
export const NOT_LAST = /the state of P1 is not its last/;
export const STRANDED = /stays without a reason/;

export const NEVER_MS = 100 * 3_600_000;
/** A call of w1 that takes effect, and whose answer nobody hears. */
export const LOST = 'w1 sends · land X · lose w1 · settle w1';
