import type { Callees } from './app-callees.ts';
import type { Common } from './app-common.ts';
import type { Config } from './config.ts';
import { openEnforcement } from './enforcement/enforcement.ts';
import type { Feed } from './feed/feed.ts';
import { openPreviews, openSupply, type Supply } from './supply/supply.ts';

/**
 * What failing checks do, and what that costs, owned by `stack`: the policy in force, whoever counts the connected (with the part `supply`), and
 * previews. The policy falls back by what is counted, and what is counted is judged by the policy.
 */
export function openChecks(
  stack: AsyncDisposableStack,
  { limits, parts }: Config,
  common: Common,
  { trackstory, regulator }: Callees,
  feed: Feed | null,
) {
  let supply: Supply | null = null;
  const enforcement = stack.use(
    openEnforcement({
      ...common,
      maxDataAgeMs: limits.feed.maxDataAgeMs,
      regulator: regulator.name,
      readings: () => supply?.readings() ?? null,
      dataAgeMs: () => feed?.sourceAgeMs() ?? 0,
    }),
  );
  if (parts.has('supply')) {
    const { maxSilenceMs } = limits.delivery;
    const supplyLimits = { ...limits.supply, maxSilenceMs, lostMs: limits.maintenance.supplyChangesMs / 2 };
    supply = stack.use(openSupply({ ...common, trackstory, inForce: enforcement.inForce, limits: supplyLimits }));
  }
  const census = () => supply?.census() ?? null;
  const previews = stack.use(openPreviews({ ...common, census, policyOf: enforcement.asInForce }));
  return { enforcement, previews };
}

export type Checks = ReturnType<typeof openChecks>;
