import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { answerTraps } from './answer-traps.ts';
import { type Arena, openArena } from './arena.ts';
import { intakeTraps } from './intake-traps.ts';
import { parseTrace } from './perform.ts';
import { stateTraps } from './state-traps.ts';
import { replay } from './walk.ts';

const traps = [...stateTraps, ...answerTraps, ...intakeTraps];
const stack = new AsyncDisposableStack();
let arena: Arena;

beforeAll(async () => {
  const database = stack.use(await openTestDatabase());
  arena = stack.use(await openArena(database.url));
});

afterAll(() => stack.disposeAsync());

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
