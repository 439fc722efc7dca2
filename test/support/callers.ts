import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { AUDIENCE, type Holder, ISSUERS, makeKeys, openTokenMaker, settingsFor } from '../../keys/keys.ts';
import { type AuthLimits, type AuthSettings, openAuth } from '../../src/auth/open-auth.ts';
import { limitsSchema } from '../../src/config-schema.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

export const AUTH_LIMITS: AuthLimits = limitsSchema.parse({}).auth;

export const CANDIDATES: Holder = { kind: 'service', name: 'candidates' };
export const ANN: Holder = { kind: 'driver', parkId: 'p', driverId: 'd' };

/** A folder of keys, tokens by them, good and bad, and what knows them. */
export type Callers = AsyncDisposable & Awaited<ReturnType<typeof openCallers>>;

export async function openCallers({
  clock = systemClock,
  ...own
}: { clock?: typeof systemClock } & Partial<Keyed> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'deptrans-keys-'));
  await makeKeys(folder);
  const maker = await openTokenMaker(folder);
  const lifetime = openLifetime();
  const metrics = openMetrics(clock);
  const lines: string[] = [];
  const log = openLog('debug', { write: (line) => void lines.push(line) });
  const settings: AuthSettings = { ...settingsOf(folder), ...own };
  const auth = await openAuth(settings, AUTH_LIMITS, { lifetime, clock, log, metrics });
  return {
    folder,
    auth,
    metrics,
    lines,
    token: maker.token,
    forge: (changes: Forgery = {}) => forge(folder, changes),
    [Symbol.asyncDispose]: async () => {
      lifetime.stop(0);
      lifetime.abort();
      await auth[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

type Keyed = Omit<Extract<AuthSettings, { mode: 'keys' }>, 'mode'>;

export function settingsOf(folder: string): Extract<AuthSettings, { mode: 'keys' }> {
  const { SERVICE_JWKS, DRIVER_JWKS } = settingsFor(folder);
  return {
    mode: 'keys',
    audience: AUDIENCE,
    services: { keys: SERVICE_JWKS!, issuer: ISSUERS.services },
    drivers: { keys: DRIVER_JWKS!, issuer: ISSUERS.drivers },
    proxyNetworks: [],
  };
}

export type Forgery = {
  side?: keyof typeof ISSUERS;
  claims?: JWTPayload;
  /** By whose key it is signed: the issuer's own, one that it never had (under its own name or the issuer's), or the public key taken for a secret. */
  by?: 'issuer' | 'unknown' | 'impostor' | 'public';
  header?: Record<string, string>;
};

/** A token that differs from a good one of `candidates` (or of the driver p/d) in what is said. */
async function forge(folder: string, { side = 'services', claims = {}, by = 'issuer', header = {} }: Forgery) {
  const jwk: JWK = JSON.parse(await readFile(join(folder, `${side}.private.json`), 'utf8'));
  const nowS = Math.floor(Date.now() / 1_000);
  const who =
    side === 'services' ? { kind: 'service', sub: 'candidates' } : { kind: 'driver', park_id: 'p', driver_id: 'd' };
  const token = new SignJWT({ iss: ISSUERS[side], aud: AUDIENCE, exp: nowS + 600, nbf: nowS, ...who, ...claims });
  if (by === 'public') {
    const shown = await readFile(join(folder, `${side}.jwks.json`));
    return token.setProtectedHeader({ alg: 'HS256', kid: jwk.kid!, ...header }).sign(shown);
  }
  const foreign = by === 'issuer' ? null : (await generateKeyPair('ES256', { extractable: true })).privateKey;
  const kid = by === 'unknown' ? 'nobody-knows-it' : jwk.kid!;
  return token.setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(foreign ?? (await importJWK(jwk, 'ES256')));
}

/** The same token, said to be signed by nothing. */
export function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  return `${header}.${token.split('.')[1]}.`;
}

/** Gives an issuer a further key, and takes the old ones out if wanted. Returns what signs by it. */
export async function rotate(folder: string, { keepOld }: { keepOld: boolean }) {
  const file = join(folder, 'services.jwks.json');
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const fresh = { ...(await exportJWK(publicKey)), kid: 'fresh', alg: 'ES256', use: 'sig' };
  const { keys } = JSON.parse(await readFile(file, 'utf8')) as { keys: JWK[] };
  await writeFile(file, JSON.stringify({ keys: keepOld ? [...keys, fresh] : [fresh] }));
  return (sub: string) =>
    new SignJWT({ kind: 'service', sub })
      .setProtectedHeader({ alg: 'ES256', kid: 'fresh' })
      .setIssuer(ISSUERS.services)
      .setAudience(AUDIENCE)
      .setExpirationTime('10m')
      .sign(privateKey);
}
