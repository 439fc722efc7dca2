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

/** The columns of rows: under its name the type of each and what a row has in it (`undefined` is null). */
export type Columns<Row> = Record<string, readonly [type: string, valueIn: (row: Row) => Value]>;

/**
 * Makes rows for a `from`, named `name`. As arrays, which cost PostgreSQL two fifths of what JSON of the same rows does, whose names it reads with each
 * of them. To be made once, not for each statement: V8 throws away what it compiled of a function that nobody holds, with every collection.
 */
export function rowsOf<Row>(name: string, columns: Columns<Row>): (rows: readonly Row[]) => RawBuilder<unknown> {
  const types = Object.values(columns).map(([type]) => sql.raw(`${type}[]`));
  const values = Object.values(columns).map(([, valueIn]) => valueIn);
  const as = sql.raw(`${name}(${Object.keys(columns).join(', ')})`);
  return (rows) => {
    const arrays = values.map((valueIn, i) => sql`${arrayLiteral(columnOf(rows, valueIn))}::${types[i]!}`);
    return sql`unnest(${sql.join(arrays)}) as ${as}`;
  };
}

/** What each row has in a column, for `textList` and the like. */
export function columnOf<Row, T>(rows: readonly Row[], valueIn: (row: Row) => T): T[] {
  const values = new Array<T>(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = valueIn(rows[i]!);
  return values;
}

/** JSON escapes quotes and backslashes as PostgreSQL does; anything else is an escape that only JSON has. */
const ESCAPED_OTHERWISE = /\\[^"\\]/;

/** As JSON writes them, in other brackets; where it escapes something its way and PostgreSQL another, one by one. */
function arrayLiteral(values: readonly Value[]): string {
  const json = JSON.stringify(values);
  return `{${ESCAPED_OTHERWISE.test(json) ? values.map(element).join() : json.slice(1, -1)}}`;
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
