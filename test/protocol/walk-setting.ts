import { expect } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { openArena } from './arena.ts';
import type { Setting } from './settings.ts';
import { shrink, walk } from './walk.ts';

export const RUNS = 50;
export const COMMANDS = 60;

/** The short form of the property test in one setting: `runs` lives of `COMMANDS` commands. A failing life is told by its seed and as its shortest trace. */
export async function expectNoProblems(setting: Setting, runs = RUNS): Promise<void> {
  await using database = await openTestDatabase();
  await using arena = await openArena(database.url);
  for (let seed = 1; seed <= runs; seed++) {
    const life = await walk(arena, setting, `${setting.name}/${seed}`, COMMANDS);
    if (life.problems.length === 0) continue;
    const { commands, problems } = await shrink(arena, setting, life);
    expect.fail(`seed ${seed}: ${problems.join('; ')}\n  ${commands.join(' · ')}`);
  }
}
