import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import { Masked } from '../runtime/masked.ts';

export type Token = { value: Masked<'Token'>; no: number };

/**
 * Where the cluster keeps its one token. `takeLogin` gives the right to log in to one instance at a time, for `leaseMs`; `postponeLogin` gives it
 * back and lets nobody log in for a while (the login is throttled).
 */
export type TokenStore = {
  read(): Promise<{ token: string | null; no: number; refused: boolean; loginAllowedInMs: number }>;
  refuse(no: number): Promise<void>;
  takeLogin(leaseMs: number): Promise<boolean>;
  save(token: string): Promise<number>;
  postponeLogin(ms: number): Promise<void>;
};

export type TokenSource = {
  /** The token in use. Logs in, or waits for the instance that does, if there is none or it was refused; null if that failed or `signal` aborts. */
  get(signal: AbortSignal): Promise<Token | null>;
  /** The regulator refused this token: it is not used again. */
  refuse(token: Token): Promise<void>;
};

const LOGIN_LEASE_MS = 10_000;
const POLL_MS = 100;
/** A failed login is not repeated sooner; Retry-After may ask for more, up to the longest. */
const LOGIN_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * One token for all instances and one login when it is gone, however many calls find out at once: callers of one process share one wait, and
 * processes share through the store.
 */
export function openTokenSource(store: TokenStore, login: () => Promise<Outcome<string>>, clock: Clock): TokenSource {
  let current: Token | null = null;
  let renewal: Promise<Token | null> | null = null;

  const renew = async (): Promise<Token | null> => {
    const until = clock.monotonic() + LOGIN_LEASE_MS;
    while (clock.monotonic() < until) {
      const { token, no, refused, loginAllowedInMs } = await store.read();
      if (token && !refused) return { value: new Masked<'Token'>(token), no };
      if (loginAllowedInMs > LOGIN_LEASE_MS) return null;
      if (loginAllowedInMs <= 0 && (await store.takeLogin(LOGIN_LEASE_MS))) return logIn();
      await clock.sleep(POLL_MS);
    }
    return null;
  };

  const logIn = async (): Promise<Token | null> => {
    const outcome = await login();
    if (outcome.kind === 'accepted') {
      return { value: new Masked<'Token'>(outcome.value), no: await store.save(outcome.value) };
    }
    const asked = outcome.kind === 'throttled' ? outcome.retryAfterMs : 0;
    await store.postponeLogin(Math.min(Math.max(asked, LOGIN_PAUSE_MS), LONGEST_PAUSE_MS));
    return null;
  };

  return {
    async get(signal) {
      if (current) return current;
      renewal ??= renew().finally(() => {
        renewal = null;
      });
      const token = await Promise.race([renewal, aborted(signal)]);
      if (token) current = token;
      return token;
    },
    async refuse(token) {
      if (current?.no === token.no) current = null;
      await store.refuse(token.no);
    },
  };
}

function aborted(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
}
