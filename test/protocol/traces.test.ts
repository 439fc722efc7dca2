import { expect, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { openArena } from './arena.ts';
import { parseTrace } from './perform.ts';
import { SETTINGS, type Setting } from './settings.ts';
import { replay } from './walk.ts';

/** Lives that walks found, each the shortest for its promise. */
const LIVES: [promise: string, setting: Setting, trace: string][] = [
  [
    'the quiet time begins with the deadline, however early an answer is lost',
    SETTINGS.already,
    'event P4 busy · bind cid Y · claim w2 · decide w2 · intent w2 · send w2 · lose w2 · settle w2 · wait 31 · w1 sends',
  ],
  [
    'the quiet time begins with the intent, however long the claim before it took',
    SETTINGS.lookUp,
    'event P1 on · route · claim w1 · wait 9 · decide w1 · intent w1 · send w1 · timeout w1 · settle w1 · wait 25 · w2 sends',
  ],
  [
    'what ended a doubt is read once more, so a call that lands later is found',
    SETTINGS.verify,
    'event P1 on · w2 sends · kill w2 · event P1 off · wait 38 · w1 reports · land X',
  ],
  [
    'an account in its quiet time is none that the sweep must repair',
    SETTINGS.lookUp,
    'event P1 on · w3 sends · timeout w3 · settle w3 · bind ann Z · sweep',
  ],
  [
    'an event that is still to be routed is none that the sweep must repair',
    SETTINGS.lookUp,
    'event P1 on · w1 reports · event P1 off · sweep',
  ],
  [
    'what retention has forgotten is refused when it comes again',
    SETTINGS.lookUp,
    'event P1 on · w1 reports · event P1 off · w1 reports · wait 777600 · forget · event P1 on ancient',
  ],
  [
    'a doubt may wait for a position where the regulator cannot be read',
    SETTINGS.already,
    'event P1 busy · w1 sends · lose w1 · settle w1 · place P1 unknown',
  ],
];

test.each(LIVES)('%s', async (_, setting, trace) => {
  await using database = await openTestDatabase();
  await using arena = await openArena(database.url);
  const { problems } = await replay(arena, setting, parseTrace(trace));
  expect(problems).toEqual([]);
});
