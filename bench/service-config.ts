import { type Config, readConfig } from '../src/config.ts';

/** The service's configuration as it ships: the limits and regions of the config folder. The addresses lead nowhere. */
export function readShippedConfig(): Config {
  const nowhere = 'http://127.0.0.1:9';
  return readConfig({
    AUTH: 'open',
    DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
    REGULATOR_URL: nowhere,
    REGULATOR_LOGIN: 'service',
    REGULATOR_PASSWORD: 'secret',
    JOURNAL_KEY: 'a key for the benchmark',
    DRIVER_PROFILES_URL: nowhere,
    DRIVER_CATEGORIES_URL: nowhere,
    DRIVER_TRACKSTORY_URL: nowhere,
    PERSONAL_URL: nowhere,
  });
}
