import { test } from 'vitest';
import { SETTINGS } from './settings.ts';
import { COMMANDS, expectNoProblems, RUNS } from './walk-setting.ts';

const HALF = RUNS / 2;

test.each([SETTINGS.fence, SETTINGS.fenceReading])(
  `${HALF} lives of ${COMMANDS} commands: $name`,
  { timeout: 900_000 },
  (setting) => expectNoProblems(setting, HALF),
);
