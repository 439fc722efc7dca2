/** Seeded random numbers (mulberry32): a failing run can be repeated. */
export type Random = {
  /** From 0 up to but not including `n`. */
  int(n: number): number;
  chance(p: number): boolean;
};

export function openRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return { int: (n) => Math.floor(next() * n), chance: (p) => next() < p };
}
