import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERROR_REASONS } from '../../src/api/error-reasons.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { DRIVERS, IDS, WORDS } from '../../src/stub/scripts.ts';
import { examplesIn, openStillStub, run } from './examples.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
const examples = examplesIn(text);

let stub: Listener;
beforeAll(async () => {
  stub = await openStillStub();
});
afterAll(() => stub.close(0));

test.each(examples)('$curl', async ({ curl, ...answer }) => {
  expect(await run(curl, stub.url)).toEqual(answer);
});

test('every fence of JSON in the page is an example, and every reason has one', () => {
  expect(examples).toHaveLength([...text.matchAll(/^```json$/gm)].length);
  const shown = new Set(examples.map(({ body }) => (body as { reason?: string }).reason));
  expect(Object.keys(ERROR_REASONS).filter((reason) => !shown.has(reason))).toEqual([]);
});

test('the table of the stub names everything that chooses an answer', () => {
  const table = text.slice(text.indexOf('## The stub'));
  const words = [...Object.keys(DRIVERS), ...IDS.keys(), 'slow', 'broken-off'];
  expect(words.filter((word) => !table.includes(`\`${word}\``))).toEqual([]);
  for (const script of WORDS.values()) if (script.kind === 'refuse') expect(text).toContain(`\`${script.reason}\``);
  expect(text).not.toContain('undefined');
});
