import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';

/**
 * Keys and tokens for development, for compose.yaml and for the simulated city: what an identity provider is in production. A folder holds two pairs, of
 * services and engineers, and of drivers: `services.private.json` with `services.jwks.json`, and the same of `drivers`.
 */
export type Holder =
  | { kind: 'service' | 'engineer'; name: string }
  | { kind: 'driver'; parkId: string; driverId: string; app?: string };

export const AUDIENCE = 'deptrans';
export const ISSUERS = { services: 'deptrans-development-services', drivers: 'deptrans-development-drivers' } as const;

type Side = keyof typeof ISSUERS;
const ALGORITHM = 'ES256';

export type TokenMaker = {
  /** A token that is valid from now on for `ttlMs` (an hour if not given). */
  token(holder: Holder, ttlMs?: number): Promise<string>;
};

/** Makes the pairs that are not there yet, whoever else does so at the same time. Private keys are readable by their owner alone. */
export async function makeKeys(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const side of Object.keys(ISSUERS) as Side[]) {
    if (!existsSync(privateFile(folder, side))) await makePrivate(privateFile(folder, side));
    const { d: _, ...shown } = await readKey(folder, side);
    await put(publicFile(folder, side), { keys: [shown] }, 0o644);
  }
}

/** The first one who makes it wins. */
async function makePrivate(file: string): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = await calculateJwkThumbprint(await exportJWK(publicKey));
  const mine = `${file}.${process.pid}`;
  const key = { ...(await exportJWK(privateKey)), kid, alg: ALGORITHM, use: 'sig' };
  await writeFile(mine, `${JSON.stringify(key)}\n`, { mode: 0o600 });
  await link(mine, file).catch((problem: NodeJS.ErrnoException) => {
    if (problem.code !== 'EEXIST') throw problem;
  });
  await unlink(mine);
}

/** Opens the private keys of a folder. Rejects if there are none. `audience`: the service that the tokens are for. */
export async function openTokenMaker(folder: string, audience = AUDIENCE): Promise<TokenMaker> {
  const sides = Object.keys(ISSUERS) as Side[];
  const pairs = await Promise.all(
    sides.map(
      async (side): Promise<[Side, JWK]> => [side, JSON.parse(await readFile(privateFile(folder, side), 'utf8'))],
    ),
  );
  const keys = new Map(pairs);
  return {
    async token(holder, ttlMs = 3_600_000) {
      const side: Side = holder.kind === 'driver' ? 'drivers' : 'services';
      const jwk = keys.get(side)!;
      const nowS = Math.floor(Date.now() / 1_000);
      return new SignJWT(claimsOf(holder))
        .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid! })
        .setIssuer(ISSUERS[side])
        .setAudience(audience)
        .setIssuedAt(nowS)
        .setNotBefore(nowS)
        .setExpirationTime(nowS + Math.max(1, Math.round(ttlMs / 1_000)))
        .sign(await importJWK(jwk, ALGORITHM));
    },
  };
}

/** What the service must be told to know the tokens of a folder. */
export function settingsFor(folder: string): Record<string, string> {
  return {
    AUTH: 'keys',
    AUDIENCE,
    SERVICE_JWKS: publicFile(folder, 'services'),
    SERVICE_ISSUER: ISSUERS.services,
    DRIVER_JWKS: publicFile(folder, 'drivers'),
    DRIVER_ISSUER: ISSUERS.drivers,
  };
}

function claimsOf(holder: Holder): Record<string, string> & { sub: string } {
  if (holder.kind !== 'driver') return { kind: holder.kind, sub: holder.name };
  const { kind, parkId, driverId, app } = holder;
  return { kind, sub: `${parkId}/${driverId}`, park_id: parkId, driver_id: driverId, ...(app && { app }) };
}

async function readKey(folder: string, side: Side): Promise<JWK> {
  return JSON.parse(await readFile(privateFile(folder, side), 'utf8'));
}

function privateFile(folder: string, side: Side): string {
  return join(folder, `${side}.private.json`);
}

function publicFile(folder: string, side: Side): string {
  return join(folder, `${side}.jwks.json`);
}

/** Whole or not at all. */
async function put(file: string, content: object, mode: number): Promise<void> {
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(content)}\n`, { mode });
  await rename(`${file}.${process.pid}`, file);
}
