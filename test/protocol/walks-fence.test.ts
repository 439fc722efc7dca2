import { test } from 'vitest';
import { SETTINGS } from './settings.ts';
import { COMMANDS, expectNoProblems, RUNS } from './walk-setting.ts';

test(`${RUNS} lives of ${COMMANDS} commands: N broken, the regulator orders by occurredAt`, { timeout: 300_000 }, () =>
  expectNoProblems(SETTINGS.fence),
);
