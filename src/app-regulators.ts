import type { Common } from './app-common.ts';
import type { Config } from './config.ts';
import type { REGULATORS } from './config-regions.ts';
import { openMoscow } from './regulator/moscow.ts';
import type { Regulator } from './regulator/regulator.ts';
import { openTokenStore } from './store/tokens.ts';

/** Opens the port to the regulator of the configuration. `onOddity` is told of what it says that cannot be true. */
export type OpenAdapter = (
  config: Config,
  common: Common,
  onOddity: (what: string) => void,
) => Regulator & AsyncDisposable;

/** By the name that regions give. */
export type Adapters = Readonly<Record<string, OpenAdapter>>;

export const ADAPTERS = {
  moscow: ({ limits, ...config }, { db, clock, metrics }, onOddity) =>
    openMoscow({
      ...limits.regulator,
      baseUrl: config.regulatorUrl,
      login: config.regulatorLogin,
      password: config.regulatorPassword,
      maxConnections: limits.delivery.maxInFlight + 20,
      capabilities: { ...limits.regulator, maxRequestLifeMs: limits.delivery.quietMs },
      tokens: openTokenStore(db, 'moscow'),
      clock,
      timer: metrics.timer('regulator'),
      onOddity,
    }),
} satisfies Record<(typeof REGULATORS)[number], OpenAdapter>;
