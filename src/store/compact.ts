import { type RawBuilder, sql } from 'kysely';

/**
 * Many values in one parameter or one column, as JSON: the driver's own arrays, rows and dates cost our process several times as much. Times are
 * milliseconds since 1970.
 */

/** A list of texts as a `text[]`. */
export function textList(values: readonly string[]): RawBuilder<string[]> {
  return sql<string[]>`array(select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`;
}

/** A list of whole numbers as the text of an `int[]` or a `bigint[]`, for a parameter that is cast to one. */
export function numberList(values: readonly number[]): string {
  return `{${values.join(',')}}`;
}

/** A time as milliseconds, cut off as `Date` does. `time` is SQL of ours. */
export function msOf(time: string): string {
  return `floor(extract(epoch from ${time}) * 1000)::bigint`;
}

export function toDate(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
