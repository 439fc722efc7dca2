import { z } from 'zod';
import type { AuthSettings } from './auth/open-auth.ts';
import { parseNetwork } from './auth/proxies.ts';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

const from = z.union([z.url({ protocol: /^https?$/ }), z.string().regex(/^\.{0,2}\//, 'must be a path or a URL')]);
const issuer = z.string().min(1).max(512);

/** Who calls, as the surroundings say it. */
const schema = z.object({
  AUTH: z.enum(['keys', 'open']).default('keys'),
  HOST: z.string().default('127.0.0.1'),
  AUDIENCE: z.string().min(1).max(256).default('deptrans'),
  SERVICE_JWKS: from.optional(),
  SERVICE_ISSUER: issuer.optional(),
  DRIVER_JWKS: from.optional(),
  DRIVER_ISSUER: issuer.optional(),
  PROXY_NETWORKS: z
    .string()
    .default('')
    .transform((text) => (text.trim() === '' ? [] : text.split(',').map((network) => network.trim())))
    .refine((networks) => networks.every((network) => parseNetwork(network)), 'must be networks: 10.0.0.0/8,::1'),
});

/** Reads how callers are known, and adds to `problems` what is wrong with it. Deny by default: without keys, `open` must be asked for. */
export function readAuth(env: Readonly<Record<string, string | undefined>>, problems: string[]): AuthSettings {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) problems.push(`${path.join('.')}: ${message}`);
    return { mode: 'open' };
  }
  const e = parsed.data;
  if (e.AUTH === 'open') {
    if (!LOOPBACK.includes(e.HOST)) problems.push('HOST: must be loopback (127.0.0.1) with AUTH=open');
    return { mode: 'open' };
  }
  const pair = (keys: string | undefined, name: string | undefined, of: string) => {
    if (keys && name) return { keys, issuer: name };
    if (keys || name) problems.push(`${of}_JWKS and ${of}_ISSUER: one needs the other`);
    return null;
  };
  const services = pair(e.SERVICE_JWKS, e.SERVICE_ISSUER, 'SERVICE');
  const drivers = pair(e.DRIVER_JWKS, e.DRIVER_ISSUER, 'DRIVER');
  if (!e.SERVICE_JWKS && !e.SERVICE_ISSUER)
    problems.push('SERVICE_JWKS, SERVICE_ISSUER: needed to know callers (or AUTH=open, on loopback, for development)');
  if (drivers && drivers.issuer === services?.issuer) problems.push('DRIVER_ISSUER: must not be SERVICE_ISSUER');
  if (!services) return { mode: 'open' };
  return { mode: 'keys', audience: e.AUDIENCE, services, drivers, proxyNetworks: e.PROXY_NETWORKS };
}
