import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as verdict from '../../verdict/verdict.ts';
import { differing, type Judge } from './judging.ts';
import { verdictMutations } from './mutations.ts';
import { committedVectors, textOf, VECTORS, type Vectors } from './vectors/vectors.ts';

const text = await readFile(VECTORS, 'utf8');
const vectors: Vectors = JSON.parse(text);

test('the committed vectors are those that the cases give', () => {
  expect(textOf(committedVectors()) === text).toBe(true);
});

test('they are many, under different names, and reach every reason, every mode and both answers', () => {
  const { cases } = vectors;
  expect(cases.length).toBeGreaterThan(300);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  const said = cases.flatMap(({ expect: { deptrans_id, session } }) => [deptrans_id, session]);
  const reasons = verdict.REASONS.filter((reason) => reason !== 'check_failed'); // said by whoever cannot judge
  expect(reasons.filter((reason) => !said.some((one) => one.reason === reason))).toEqual([]);
  expect(verdict.MODES.filter((mode) => !said.some((one) => one.outcome === 'fail' && one.mode === mode))).toEqual([
    'off', // a check that is off does not fail
  ]);
  expect(new Set(cases.map(({ expect: { allowed } }) => allowed))).toEqual(new Set([true, false]));
});

test('the verdict says what they say', () => expect(differing(vectors, verdict)).toEqual([]));

test('a line that is wrong is found by them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'verdict-'));
  try {
    const survivors: string[] = [];
    for (const [i, { wrong, file, text: right, replacement }] of verdictMutations.entries()) {
      const mutated = join(folder, `${i}`);
      await cp(join(VECTORS, '..'), mutated, { recursive: true });
      const source = await readFile(join(mutated, file), 'utf8');
      expect(source.split(right).length, `${wrong}: how often "${right}" stands in ${file}`).toBe(2);
      await writeFile(
        join(mutated, file),
        source.replace(right, () => replacement),
      );
      const by: Judge = await import(join(mutated, 'verdict.ts'));
      if (differing(vectors, by).length === 0) survivors.push(wrong);
    }
    expect(survivors).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
