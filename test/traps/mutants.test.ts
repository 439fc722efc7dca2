import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, inject, test } from 'vitest';
import { killMutants } from '../../soak/mutants/mutants.ts';
import { mutations } from '../../soak/mutants/mutations.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BUILT = [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 12, 15, 16, 17, 18, 19, 21, 22, 23, 24];

test('each trap has a fix that can be taken out, in one place', () => {
  expect(mutations.map(({ trap }) => trap)).toEqual(BUILT);
  const counts = mutations.map(({ trap, file, text, test: named }) => {
    expect(readFileSync(join(ROOT, named), 'utf8')).toContain(`'T${trap}: `);
    return [trap, readFileSync(join(ROOT, file), 'utf8').split(text).length - 1];
  });
  expect(counts.filter(([, count]) => count !== 1)).toEqual([]);
});

test('both mutations of T9 of 21 (9 % of the long form): its tests turn red', async ({ signal }) => {
  const lines: string[] = [];
  const figures = await killMutants({ trap: 9 }, inject('postgresUrl'), signal, (line) => lines.push(line));
  expect(figures, lines.join('\n')).toEqual({ mutations: 2, killed: 2, alive: [], ok: true });
}, 600_000);
