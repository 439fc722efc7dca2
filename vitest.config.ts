import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000, // a guard against what never ends, not a measure of the machine
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
