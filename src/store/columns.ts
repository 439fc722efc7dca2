/**
 * Columns of many rows as one text parameter each, written here. The driver would look at every element of an array for itself, which costs
 * more than all else that is done with a row.
 */

/** Texts without line breaks, for `string_to_array(…, E'\\n')`. */
export function lines(texts: readonly string[]): string {
  return texts.join('\n');
}

/** An array literal of values that need no quotes: numbers, nulls, single words. */
export function column<T>(rows: readonly T[], of: (row: T) => number | string | null): string {
  let text = '';
  for (const row of rows) text += `,${of(row)}`;
  return `{${text.slice(1)}}`;
}
