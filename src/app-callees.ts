import type { Common } from './app-common.ts';
import { ADAPTERS, type Adapters } from './app-regulators.ts';
import { openCategories } from './clients/categories.ts';
import { openHttp } from './clients/http.ts';
import { openPersonal } from './clients/personal.ts';
import { openProfiles } from './clients/profiles.ts';
import { openTrackstory } from './clients/trackstory.ts';
import type { Config } from './config.ts';

/**
 * Those whom the service calls, owned by `stack`: the four neighbours, and the regulator whom the regions name. `further`: adapters beside those that
 * ship.
 */
export function openCallees(stack: AsyncDisposableStack, config: Config, common: Common, further: Adapters = {}) {
  const { limits, regulator } = config;
  const { metrics } = common;
  const adapters: Adapters = { ...ADAPTERS, ...further };
  const oddities = metrics.counter('oddities_total', 'What others said that cannot be true', ['of', 'what'] as const);
  const http = (baseUrl: string, deadlineMs: number) =>
    stack.use(openHttp({ baseUrl, deadlineMs, timer: metrics.timer('clients') }));
  const { deadlineMs } = limits.clients;
  return {
    trackstory: openTrackstory(http(config.trackstoryUrl, deadlineMs), (what) =>
      oddities.inc({ of: 'trackstory', what }),
    ),
    personal: openPersonal(http(config.personalUrl, deadlineMs)),
    profiles: openProfiles(http(config.profilesUrl, limits.mirror.deadlineMs)),
    categories: openCategories(http(config.categoriesUrl, limits.mirror.deadlineMs)),
    regulator: stack.use(adapters[regulator]!(config, common, (what) => oddities.inc({ of: 'regulator', what }))),
  };
}

export type Callees = ReturnType<typeof openCallees>;
