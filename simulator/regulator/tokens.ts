import { randomUUID } from 'node:crypto';

/** The regulator's logins: throttled, with tokens that end without a word and, by choice, die at the next login. */
export type Tokens = {
  login(login: unknown, password: unknown, atMs: number): LoginAnswer;
  /** `unknown` for what was never given out or has been voided. */
  judge(token: string | undefined, atMs: number): 'valid' | 'expired' | 'unknown';
  /** Ends every token now. */
  expireAll(): void;
  readonly logins: number;
};

export type LoginAnswer =
  | { kind: 'token'; token: string }
  | { kind: 'throttled'; retryAfterMs: number }
  | { kind: 'wrong' };

export type TokenRules = {
  login: string;
  password: string;
  tokenLifeMs: number;
  /** Successful logins allowed in any minute. */
  loginsPerMinute: number;
  /** A login voids the tokens given out before. */
  voidOldTokens: boolean;
};

export function openTokens(rules: TokenRules): Tokens {
  const givenAt = new Map<string, number>();
  const recent: number[] = [];
  let logins = 0;
  return {
    get logins() {
      return logins;
    },
    login(login, password, atMs) {
      while (recent[0] !== undefined && recent[0] <= atMs - 60_000) recent.shift();
      if (recent.length >= rules.loginsPerMinute)
        return { kind: 'throttled', retryAfterMs: Math.max(1, (recent[0] ?? atMs) + 60_000 - atMs) };
      if (login !== rules.login || password !== rules.password) return { kind: 'wrong' };
      if (rules.voidOldTokens) givenAt.clear();
      const token = randomUUID();
      givenAt.set(token, atMs);
      recent.push(atMs);
      logins += 1;
      return { kind: 'token', token };
    },
    judge(token, atMs) {
      const at = token === undefined ? undefined : givenAt.get(token);
      if (at === undefined) return 'unknown';
      return at + rules.tokenLifeMs > atMs ? 'valid' : 'expired';
    },
    expireAll() {
      for (const token of givenAt.keys()) givenAt.set(token, Number.NEGATIVE_INFINITY);
    },
  };
}
