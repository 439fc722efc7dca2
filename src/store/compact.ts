import { type RawBuilder, sql } from 'kysely';

/**
 * Many values in one parameter or one column, written here: the driver's own arrays, rows and dates cost our process several times as much. Times are
 * milliseconds since 1970.
 */

type Value = string | number | boolean | null | undefined;

/** A list of texts as a `text[]`. */
export function textList(values: readonly string[]): RawBuilder<string[]> {
  return sql<string[]>`${arrayLiteral(values)}::text[]`;
}

/**
 * Rows for a `from`, named `name`, given by columns: the type of each and its value in every row (`undefined` is null). As arrays, which cost
 * PostgreSQL two fifths of what JSON of the same rows does, whose names it reads with each of them.
 */
export function rowsOf(
  name: string,
  columns: Record<string, readonly [type: string, values: readonly Value[]]>,
): RawBuilder<unknown> {
  const arrays = Object.values(columns).map(([type, values]) => sql`${arrayLiteral(values)}::${sql.raw(type)}[]`);
  return sql`unnest(${sql.join(arrays)}) as ${sql.raw(`${name}(${Object.keys(columns).join(', ')})`)}`;
}

/** As JSON writes them, in other brackets; where it escapes something its way and PostgreSQL another, one by one. */
function arrayLiteral(values: readonly Value[]): string {
  const json = JSON.stringify(values);
  return `{${json.includes('\\') ? values.map(element).join() : json.slice(1, -1)}}`;
}

function element(value: Value): string {
  return typeof value === 'string' ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : JSON.stringify(value ?? null);
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
