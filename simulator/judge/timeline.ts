/** How one value went through time. Times never go back: an earlier one counts as the newest so far. */
export type Timeline<T> = {
  readonly value: T;
  /** When each value began, and the value. The first one always was. */
  readonly entries: readonly { readonly fromMs: number; readonly value: T }[];
  /** The same value again changes nothing. */
  set(value: T, atMs: number): void;
  at(ms: number): T;
};

export function openTimeline<T>(first: T): Timeline<T> {
  const entries = [{ fromMs: Number.NEGATIVE_INFINITY, value: first }];
  return {
    entries,
    get value() {
      return entries.at(-1)!.value;
    },
    set(value, atMs) {
      const last = entries.at(-1)!;
      if (last.value !== value) entries.push({ fromMs: Math.max(atMs, last.fromMs), value });
    },
    at: (ms) => entries[indexAt(entries, ms)]!.value,
  };
}

/** Every value the timeline had from `fromMs` to `toMs`, both included. */
export function valuesBetween<T>({ entries }: Timeline<T>, fromMs: number, toMs: number): T[] {
  const values: T[] = [];
  for (let at = indexAt(entries, fromMs); at < entries.length; at += 1) {
    if (values.length > 0 && entries[at]!.fromMs > toMs) break;
    values.push(entries[at]!.value);
  }
  return values;
}

function indexAt(entries: readonly { readonly fromMs: number }[], ms: number): number {
  let low = 0;
  let high = entries.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (entries[middle]!.fromMs <= ms) low = middle;
    else high = middle - 1;
  }
  return low;
}
