import { test } from 'vitest';
import { SETTINGS } from './settings.ts';
import { COMMANDS, expectNoProblems, RUNS } from './walk-setting.ts';

test(`${RUNS} lives of ${COMMANDS} commands: look-up`, { timeout: 900_000 }, () => expectNoProblems(SETTINGS.lookUp));
