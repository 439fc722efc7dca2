import type { Clock } from '../runtime/clock.ts';
import type { Lifetime } from '../runtime/lifetime.ts';
import type { Log } from '../runtime/log.ts';
import { startLoop } from '../runtime/loop.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Auth, authByKeys, openToAll } from './auth.ts';
import { openKeySet } from './key-set.ts';
import { openTokens } from './tokens.ts';

/** How callers are known, as configured. `open`: for development, not at all. */
export type AuthSettings =
  | { mode: 'open' }
  | {
      mode: 'keys';
      audience: string;
      /** JWKS (a path or an URL) and issuer of services' and engineers' tokens. */
      services: { keys: string; issuer: string };
      /** The same of drivers' tokens; null: drivers come through a proxy only. */
      drivers: { keys: string; issuer: string } | null;
      /** Networks whose requests may name a driver without a token. */
      proxyNetworks: readonly string[];
    };

export type AuthLimits = {
  algorithm: string;
  leewayMs: number;
  refreshMs: number;
  cooldownMs: number;
  cachedTokens: number;
  /** Services whose requests may name a driver. */
  proxies: readonly string[];
};

export type AuthSurroundings = { lifetime: Lifetime; clock: Clock; log: Log; metrics: Metrics };

/**
 * Opens what knows callers, and keeps its keys fresh. The keys are read once before this resolves; where that fails the service is not ready, admits
 * nobody and goes on trying.
 */
export async function openAuth(
  settings: AuthSettings,
  limits: AuthLimits,
  { lifetime, clock, log: parent, metrics }: AuthSurroundings,
): Promise<Auth & AsyncDisposable> {
  const log = parent.child({ part: 'auth' });
  if (settings.mode === 'open') {
    log.warn('AUTH=open: EVERYBODY WHO REACHES THIS PORT MAY CALL EVERYTHING. For development on this machine only');
    return { ...openToAll(), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const { services, drivers, audience, proxyNetworks } = settings;
  const issuer = (from: { keys: string; issuer: string }, kinds: ('driver' | 'service' | 'engineer')[]) => ({
    name: from.issuer,
    kinds,
    keys: openKeySet({ source: from.keys, cooldownMs: limits.cooldownMs, clock, log }),
  });
  const refreshAll = async () => {
    await Promise.all(issuers.map(({ keys }) => keys.refresh()));
    return true;
  };
  const issuers = [issuer(services, ['service', 'engineer']), ...(drivers ? [issuer(drivers, ['driver'])] : [])];
  let isRead = await refreshAll();
  const loop = startLoop({
    name: 'refresh',
    async runOnce() {
      // The first round comes at once.
      if (!isRead) await refreshAll();
      isRead = false;
      return 'idle';
    },
    pauseMs: limits.refreshMs,
    lifetime,
    clock,
    log,
    timer: metrics.timer('auth'),
  });
  const { algorithm, leewayMs, cachedTokens: cacheSize } = limits;
  const tokens = openTokens({ issuers, audience, algorithm, leewayMs, cacheSize, clock });
  const auth = authByKeys({ tokens, proxies: { services: limits.proxies, networks: proxyNetworks } });
  return { ...auth, [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}
