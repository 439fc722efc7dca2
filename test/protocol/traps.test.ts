import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { type Arena, openArena } from './arena.ts';
import { decisionTraps } from './decision-traps.ts';
import { parseTrace } from './perform.ts';
import { statementTraps } from './statement-traps.ts';
import { replay } from './walk.ts';

const traps = [...statementTraps, ...decisionTraps];
const stack = new AsyncDisposableStack();
let arena: Arena;

beforeAll(async () => {
  const database = stack.use(await openTestDatabase());
  arena = stack.use(await openArena(database.url));
});

afterAll(() => stack.disposeAsync());

test('every trap of the protocol has a switch', () => {
  const numbers = new Set(traps.map(({ name }) => Number.parseInt(name, 10)));
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 43 }, (_, i) => i + 1));
  expect(traps.filter(({ name }) => name.startsWith('43:'))).toHaveLength(5);
});

test.each(traps)('$name', async ({ setting, naive, trace, found }) => {
  const commands = parseTrace(trace);
  const caught = await replay(arena, setting, commands, naive);
  expect(caught.problems.join('; ')).toMatch(found);
  expect(arena.unmet()).toEqual([]);
});

test.each(traps)('as it is, not $name', async ({ setting, trace }) => {
  const { problems } = await replay(arena, setting, parseTrace(trace));
  expect(problems).toEqual([]);
});
