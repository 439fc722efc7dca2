/** The middle of the values; of an even number of them, the mean of the two in the middle. At least one value. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('A median needs at least one value.');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that the share `q` of the values does not exceed. At least one value. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('A quantile needs at least one value.');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!;
}

/** How far apart the values lie: (greatest - smallest) / median. 0 = all the same. */
export function spread(values: readonly number[]): number {
  const range = Math.max(...values) - Math.min(...values);
  return range === 0 ? 0 : range / Math.abs(median(values));
}

/** The number with four significant digits, as figures are published. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
