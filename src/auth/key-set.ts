import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

/**
 * The public keys of an issuer, as a JWKS in a file or behind a URL, read again while the process runs, so that keys can be rotated: the issuer
 * shows the new key beside the old one, signs with it, and takes the old one out when its last token has expired.
 *
 * What cannot be read leaves the keys that are there in force. A token of a key that is not known has the set read once more, at most once in
 * `cooldownMs`, however many such tokens come.
 */
export type KeySet = {
  /** For jose: the key that a token names. */
  readonly find: JWTVerifyGetKey;
  /** 0 before the first keys are there; another number whenever they have changed. */
  version(): number;
  /** Reads the source again. False, and nothing changes, if it cannot be read. */
  refresh(): Promise<boolean>;
};

export type KeySetOptions = {
  /** A path, or an http(s) URL. */
  source: string;
  cooldownMs: number;
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
};

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 3_000;

export function openKeySet({ source, cooldownMs, clock, log }: KeySetOptions): KeySet {
  let text = '';
  let find: JWTVerifyGetKey | null = null;
  let version = 0;
  let askedMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<boolean> | null = null;

  const read = async (): Promise<boolean> => {
    try {
      const read = await readSource(source);
      if (read === text) return true;
      find = createLocalJWKSet(parseKeys(read));
      text = read;
      version += 1;
      log.info({ version }, 'keys of callers are loaded');
      return true;
    } catch (err) {
      log.error({ err }, 'keys of callers cannot be read; those that are there stay in force');
      return false;
    }
  };
  const refresh = () => {
    askedMs = clock.monotonic();
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  return {
    version: () => version,
    refresh,
    async find(header, token) {
      for (let again = false; ; again = true) {
        try {
          if (!find) throw new errors.JWKSNoMatchingKey();
          return await find(header, token);
        } catch (error) {
          const unknown = error instanceof errors.JWKSNoMatchingKey;
          const rests = reading === null && clock.monotonic() - askedMs < cooldownMs;
          if (again || !unknown || rests) throw error;
          await (reading ?? refresh());
        }
      }
    },
  };
}

async function readSource(source: string): Promise<string> {
  if (!/^https?:/.test(source)) return readFile(source, 'utf8');
  const answer = await fetch(source, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  if (!answer.ok) throw new Error(`The keys' address answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error('The keys are too many');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Refuses what holds a secret: a private key here would be known to whoever can read public keys. */
function parseKeys(text: string): JSONWebKeySet {
  const parsed: unknown = JSON.parse(text);
  const keys = typeof parsed === 'object' && parsed && 'keys' in parsed ? parsed.keys : null;
  if (!Array.isArray(keys) || keys.length === 0) throw new Error('Not a set of keys');
  if (keys.some((key) => key?.kty === 'oct' || key?.d !== undefined)) throw new Error('The set holds a secret key');
  return { keys };
}
