import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { rowsOf, textList } from '../../src/store/compact.ts';
import { openTestDatabase } from '../support/database.ts';

const NASTY = [
  '',
  ' ',
  'null',
  'NULL',
  'a,b',
  '{}',
  '{"a"}',
  '"',
  '\\',
  '\\"',
  '\\n',
  'a\nb\tc\r',
  '\u0001',
  'Ё — 🚕',
  '\\u0041',
];

test('texts of any kind come to the database as they are', async () => {
  await using database = await openTestDatabase();
  for (const texts of [NASTY, ...NASTY.map((text) => [text]), []]) {
    const { rows } = await sql<{ texts: string[] }>`/* test.list */ select ${textList(texts)} as texts`.execute(
      database.db,
    );
    expect(rows[0]!.texts).toEqual(texts);
  }
});

test('rows given by columns come as rows: what is missing is null, beside texts that need quotes or none', async () => {
  await using database = await openTestDatabase();
  for (const texts of [NASTY, ['plain', 'words']]) {
    const given = rowsOf<[text: string, i: number]>('g', {
      place: ['int', ([, i]) => i],
      words: ['text', ([text]) => text],
      odd: ['boolean', ([, i]) => i % 2 === 1],
      ms: ['float8', ([, i]) => (i === 1 ? undefined : 1.5 * i)],
      maybe: ['text', ([text, i]) => (i === 0 ? null : text)],
      detail: ['jsonb', ([text]) => JSON.stringify({ text })],
    });
    const all = given(texts.map((text, i) => [text, i]));
    const { rows } = await sql`/* test.rows */ select * from ${all} order by place`.execute(database.db);
    expect(rows).toEqual(
      texts.map((text, i) => ({
        place: i,
        words: text,
        odd: i % 2 === 1,
        ms: i === 1 ? null : 1.5 * i,
        maybe: i === 0 ? null : text,
        detail: { text },
      })),
    );
  }
});
