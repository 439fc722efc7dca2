import type { Outcome } from '../domain/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import { Masked } from '../runtime/masked.ts';

export type Token = { value: Masked<'Token'>; no: number };

/** The cluster's token as it stands in the store. */
export type StoredToken = {
  token: string | null;
  no: number;
  refused: boolean;
  /** Since it was obtained. */
  ageMs: number;
  loginAllowedInMs: number;
};

/**
 * Where the cluster keeps its one token. `takeLogin` gives the right to log in to one instance at a time, for `leaseMs`, if there is no token,
 * it was refused, or it is older than `renewAfterMs`; `postponeLogin` gives it back and lets nobody log in for a while (the login is throttled).
 */
export type TokenStore = {
  read(): Promise<StoredToken>;
  refuse(no: number): Promise<void>;
  takeLogin(leaseMs: number, renewAfterMs: number): Promise<boolean>;
  save(token: string): Promise<number>;
  postponeLogin(ms: number): Promise<void>;
};

export type TokenSource = AsyncDisposable & {
  /** The token in use, without any wait; null if there is none. An old one is renewed meanwhile. */
  inHand(): Token | null;
  /** The token in use. Logs in, or waits for the instance that does, if there is none or it was refused; null if that failed or `signal` aborts. */
  get(signal: AbortSignal): Promise<Token | null>;
  /** The regulator refused this token: it is not used again. */
  refuse(token: Token): Promise<void>;
};

export type TokenSourceOptions = {
  store: TokenStore;
  login(): Promise<Outcome<string>>;
  /** A token older than this is renewed while it is still in use: the regulator tells no end. */
  renewAfterMs: number;
  clock: Clock;
};

const LOGIN_LEASE_MS = 10_000;
const POLL_MS = 100;
/** A failed login is not repeated sooner; Retry-After may ask for more, up to the longest. */
const LOGIN_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 600_000;
/** How often an instance looks whether an old token has been renewed or may be. */
const RENEWAL_LOOK_MS = 1_000;

/**
 * One token for all instances and one login when it is gone or old, however many calls find out at once: callers of one process share one wait,
 * and processes share through the store. A token that still works is used until its successor is there: a login that fails stops no traffic.
 */
export function openTokenSource({ store, login, renewAfterMs, clock }: TokenSourceOptions): TokenSource {
  const closing = new AbortController();
  let current: Token | null = null;
  let lookAgainAt = 0;
  let logging: Promise<Token | null> | null = null;
  let renewing: Promise<void> | null = null;

  /** A usable token from the store, or a new one: by our own login or by that of whoever is at it. */
  const obtain = async (): Promise<Token | null> => {
    const until = clock.monotonic() + LOGIN_LEASE_MS;
    while (clock.monotonic() < until && !closing.signal.aborted) {
      const stored = await store.read();
      const { token, refused, loginAllowedInMs } = stored;
      if (token && !refused) return adopt(stored);
      if (loginAllowedInMs > LOGIN_LEASE_MS) return null;
      if (loginAllowedInMs <= 0 && (await store.takeLogin(LOGIN_LEASE_MS, renewAfterMs))) return logIn();
      await clock.sleep(POLL_MS, closing.signal);
    }
    return null;
  };

  /** Takes over a renewed token, or renews an old one if nobody else does. The present one stays in use meanwhile. */
  const renew = async (present: Token): Promise<void> => {
    const stored = await store.read();
    const renewed = stored.no !== present.no && !stored.refused ? adopt(stored) : null;
    const old = !renewed && stored.ageMs > renewAfterMs && stored.loginAllowedInMs <= 0;
    const next = old && (await store.takeLogin(LOGIN_LEASE_MS, renewAfterMs)) ? await logIn() : renewed;
    if (next && current?.no === present.no) current = next;
    if (!next && stored.ageMs <= renewAfterMs) lookAgainAt = clock.monotonic() + renewAfterMs - stored.ageMs;
  };

  const adopt = ({ token, no, ageMs }: StoredToken): Token | null => {
    lookAgainAt = clock.monotonic() + Math.max(RENEWAL_LOOK_MS, renewAfterMs - ageMs);
    return token === null ? null : { value: new Masked<'Token'>(token), no };
  };

  const logIn = async (): Promise<Token | null> => {
    const outcome = await login();
    if (outcome.kind === 'accepted') {
      lookAgainAt = clock.monotonic() + renewAfterMs;
      return { value: new Masked<'Token'>(outcome.value), no: await store.save(outcome.value) };
    }
    const asked = outcome.kind === 'throttled' ? outcome.retryAfterMs : 0;
    await store.postponeLogin(Math.min(Math.max(asked, LOGIN_PAUSE_MS), LONGEST_PAUSE_MS));
    return null;
  };

  const inHand = (): Token | null => {
    if (!current || renewing !== null || clock.monotonic() < lookAgainAt) return current;
    lookAgainAt = clock.monotonic() + RENEWAL_LOOK_MS;
    renewing = renew(current)
      .catch(() => {}) // our database is away: looked at again later
      .finally(() => {
        renewing = null;
      });
    return current;
  };

  return {
    inHand,
    async get(signal) {
      const present = inHand();
      if (present) return present;
      logging ??= obtain().finally(() => {
        logging = null;
      });
      const token = await Promise.race([logging, aborted(signal)]);
      if (token) current = token;
      return token;
    },
    async refuse(token) {
      if (current?.no === token.no) current = null;
      await store.refuse(token.no);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.allSettled([logging, renewing]);
    },
  };
}

function aborted(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }));
}
