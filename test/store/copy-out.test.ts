import { expect, test } from 'vitest';
import { copyOut } from '../../src/store/copy-out.ts';
import { openTestDatabase } from '../support/database.ts';

const ROWS = 40_000; // several megabytes: many chunks
const QUERY = `select i, repeat(chr(97 + i % 26), i % 300) from generate_series(1, ${ROWS}) i`;
const HEADER_BYTES = 19;

/** The number and the text of a row of `QUERY`; null for the end mark. */
function rowOf(bytes: Buffer, from: number, to: number): { no: number; text: string } | null {
  const at = bytes.subarray(from, from + 6).toString('latin1') === 'PGCOPY' ? from + HEADER_BYTES : from;
  if (bytes.readInt16BE(at) === -1) return null;
  return { no: bytes.readInt32BE(at + 6), text: bytes.toString('utf8', at + 14, to) };
}

test('every row comes once, as it is, however the stream is cut', async () => {
  await using database = await openTestDatabase();
  const lengths: number[] = [];
  let wrong = 0;
  await copyOut(database.db, QUERY, (bytes, from, to) => {
    const row = rowOf(bytes, from, to);
    if (!row) return;
    lengths.push(row.text.length);
    if (row.no !== lengths.length || row.text !== String.fromCharCode(97 + (row.no % 26)).repeat(row.no % 300))
      wrong += 1;
  });
  expect([lengths.length, wrong]).toEqual([ROWS, 0]);
});

test('two copies at once do not mix', async () => {
  await using database = await openTestDatabase();
  const sumOf = async (query: string) => {
    let sum = 0;
    await copyOut(database.db, query, (bytes, from, to) => {
      sum += rowOf(bytes, from, to)?.no ?? 0;
    });
    return sum;
  };
  const sums = await Promise.all([sumOf(QUERY), sumOf(QUERY.replace('select i,', 'select -i,'))]);
  expect(sums).toEqual([(ROWS * (ROWS + 1)) / 2, (-ROWS * (ROWS + 1)) / 2]);
});

test('a copy fails with what the server says, with what its reader throws, or with the reason of its end', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  await expect(copyOut(db, 'select nothing from nowhere', () => {})).rejects.toMatchObject({ code: '42P01' });
  await expect(
    copyOut(db, 'select 1 / (3 - i), repeat(chr(97), 9) from generate_series(1, 3) i', () => {}),
  ).rejects.toMatchObject({ code: '22012' });
  const thrown = copyOut(db, QUERY, () => {
    throw new Error('unreadable');
  });
  await expect(thrown).rejects.toThrow('unreadable');
  const ending = new AbortController();
  const ended = copyOut(db, QUERY, () => ending.abort(new Error('over')), ending.signal);
  await expect(ended).rejects.toThrow('over');
});
