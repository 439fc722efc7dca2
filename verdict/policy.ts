import type { Check, Mode } from './words.ts';

/**
 * What failing checks do, and to whom. A policy in force is one value: whoever judges by it holds it whole and replaces it whole, so no verdict mixes
 * two versions.
 */
export type Policy = {
  /** 0: none was ever put. */
  readonly version: number;
  /** Everything is switched off. */
  readonly suspended: boolean;
  /** Facts older than this say nothing any more, in ms. */
  readonly maxDataAgeMs: number;
  readonly regions: readonly RegionPolicy[];
};

export type RegionPolicy = {
  readonly id: string;
  /** Off: nothing is required there. */
  readonly on: boolean;
  /** The tariffs that need the checks. */
  readonly tariffs: readonly string[];
  /** Nothing there is stricter than `warn` now. */
  readonly steppedBack: boolean;
  /** A shift that ends within so many ms is said to end soon; 0: never. */
  readonly endsSoonMs: number;
  /** For each check and tariff the first that applies to the driver decides; where none does, the mode is `observe`. */
  readonly rules: readonly Rule[];
};

export type Rule = {
  readonly check: Check;
  /** Empty: every tariff that is listed in the region. */
  readonly categories: readonly string[];
  readonly mode: Mode;
  /** Applies from then on, ms since 1970. */
  readonly from: number;
  /** How many people in 10,000 it applies to; who, is told by `shareOf`. */
  readonly share: number;
  /** It applies to them whatever their share. */
  readonly include: Population;
  /** It applies to none of them; that goes before `include`. */
  readonly exclude: Population;
  /** It does not apply to whoever bound an id less than so many ms ago. */
  readonly graceMs: number;
};

export type Population = { readonly parks: readonly string[]; readonly people: readonly string[] };

export const NOBODY: Population = Object.freeze({ parks: [], people: [] });
