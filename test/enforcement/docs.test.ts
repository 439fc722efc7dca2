import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { problemsOf, textsSchema } from '../../src/enforcement/enforcement.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

test('each policy of docs/enforcement.md can be put in the city of the configuration', () => {
  const moscow = JSON.parse(read('config/regions/moscow.json')) as { id: string; tariffs: string[] };
  const policies = [...read('docs/enforcement.md').matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  expect(policies.length).toBeGreaterThan(3);
  for (const text of policies) {
    expect(problemsOf(fromJsonString(PolicySchema, text), [moscow], create(PolicySchema), Date.now())).toEqual([]);
  }
});

test('whatever a driver may be told has a text in both languages, and no other', () => {
  const texts: unknown = JSON.parse(read('config/texts.json'));
  expect(Object.keys(texts as object).sort()).toEqual(Object.keys(textsSchema.parse(texts)).sort());
  const { no_id: _, ...less } = texts as Record<string, unknown>;
  expect(textsSchema.safeParse(less).success).toBe(false);
  expect(textsSchema.safeParse({ ...less, no_id: { ru: 'Нет номера' } }).success).toBe(false);
});
