import type { StepBackLimits } from './step-back.ts';

/**
 * What one instance does by itself, without the database: it steps back where the facts it judges by are too old, and everywhere when it has not
 * heard the database for so long that what is decided there may be something else. In memory; it ends once all has been well for the region's time.
 */
export type LocalStepBack = {
  /** The regions that are stepped back here now. `silentMs`: since the database was heard last. Times by a clock that never jumps. */
  look(
    regions: ReadonlyMap<string, StepBackLimits>,
    state: { silentMs: number; dataAgeMs: number; now: number },
  ): Set<string>;
};

/** An instance goes on with what it heard last for so long. */
export const DEAF_MS = 30_000;

export function openLocalStepBack(): LocalStepBack {
  /** When each was last unwell. */
  const unwell = new Map<string, number>();
  return {
    look(regions, { silentMs, dataAgeMs, now }) {
      for (const region of unwell.keys()) if (!regions.has(region)) unwell.delete(region);
      for (const [region, limits] of regions) {
        if (silentMs > DEAF_MS || dataAgeMs > limits.dataAgeMs) unwell.set(region, now);
        else if (now - (unwell.get(region) ?? now) >= limits.returnAfterMs) unwell.delete(region);
      }
      return new Set(unwell.keys());
    },
  };
}
