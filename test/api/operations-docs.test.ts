import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DiagnosticsService, ExplainDriverResponseSchema } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { ExplainResponse_StandingSchema, OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import {
  FILTERED_WORDS,
  OUTCOME_WORDS,
  PARKED_WORDS,
  PENDING_WORDS,
  QUARANTINED_WORDS,
  sentenceFor,
} from '../../src/api/reason-words.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/operating.md'), 'utf8');

/** The rows of the tables of a section: the word of the first column, and whether every column says something. */
function rowsOf(title: string): Map<string, boolean> {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)` \|(.+)\|$/gm)];
  return new Map(rows.map(([, word, rest]) => [word!, rest!.split('|').every((cell) => cell.trim() !== '')]));
}

// The compiler keeps these tables complete: they are `satisfies Record<the union of all such words, …>`.
test.each([
  ['Pending reasons', PENDING_WORDS],
  ['Filtered reasons', FILTERED_WORDS],
  ['Parked reasons', PARKED_WORDS],
  ['Where events end', OUTCOME_WORDS],
  ['Quarantine', QUARANTINED_WORDS],
])('%s: every word that the code can produce is explained, with what to do, and no other', (title, words) => {
  expect([...rowsOf(title).keys()].sort()).toEqual(Object.keys(words).sort());
  expect([...rowsOf(title).values()].every(Boolean)).toBe(true);
});

test('the words that only SQL writes are words of the tables', () => {
  const folder = join(ROOT, 'src/store');
  const statements = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const written = statements.flatMap((text) =>
    [...text.matchAll(/wait_reason = '(\w+)'|wait_reason, '(\w+)'\)/g)].map(([, a, b]) => a ?? b!),
  );
  expect([...new Set(written)].sort()).toEqual(['no_person', 'queued']);
  for (const word of written) expect(Object.keys(PENDING_WORDS)).toContain(word);
});

test('every standing is explained', () => {
  const standings = ExplainResponse_StandingSchema.values.map(({ name }) => name).filter((n) => !/UNSPECIFIED/.test(n));
  expect([...rowsOf('One driver').keys()].sort()).toEqual(standings.sort());
});

test('every method has an example, and every example fits the contract', () => {
  const examples = [
    ...page.matchAll(/^buf curl ([^`]*?)http:\/\/127\.0\.0\.1:8080\/deptrans\.v1\.OperationsService\/(\w+)\n```/gm),
  ];
  const methods = new Map(Object.values(OperationsService.method).map((method) => [method.name, method]));
  for (const [, options, name] of examples) {
    const json = /-d '(.+)'/.exec(options!)?.[1] ?? '{}';
    expect(() => fromJsonString(methods.get(name!)!.input, json)).not.toThrow();
    expect(options).toContain('-H "Authorization: Bearer $TOKEN"');
  }
  expect(new Set(examples.map(([, , name]) => name))).toEqual(new Set(methods.keys()));
});

test.each(['docs/operating.md', 'docs/enforcement.md'])(
  'every example of the checks in %s fits the contract',
  (file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const examples = [
      ...text.matchAll(
        /^buf curl (.*?) \\\n {2}http:\/\/127\.0\.0\.1:8080\/deptrans\.v1\.DiagnosticsService\/(\w+)$/gm,
      ),
    ];
    expect(examples.map(([, , name]) => name)).toContain('ExplainDriver');
    const methods = new Map(Object.values(DiagnosticsService.method).map((method) => [method.name, method]));
    for (const [, options, name] of examples)
      expect(() => fromJsonString(methods.get(name!)!.input, /-d '(.+)'/.exec(options!)![1]!)).not.toThrow();
  },
);

test('the answer that docs/operating.md shows fits the contract', () => {
  const [, json = ''] = /An answer[^\n]*:\n\n```json\n([\s\S]+?)\n```/.exec(page) ?? [];
  expect(fromJsonString(ExplainDriverResponseSchema, json).notRecorded).toHaveLength(3);
});

test('a word of an earlier version is told as it is', () => {
  expect(sentenceFor(PENDING_WORDS, 'forgotten')).toBe('Reason: forgotten.');
  expect(sentenceFor(PENDING_WORDS, 'toString')).toBe('Reason: toString.');
});
