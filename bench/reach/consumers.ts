import { type DriverCache, openDriverCache } from '../../consumer/driver-cache.ts';
import { driverKey, parkKey } from '../database/keys.ts';

/**
 * Consumers with the library that ships, in a process of their own (started with `fork`): as many as told at each of the service's instances.
 * Arguments: how many, and the instances' URLs.
 *
 * Sends `{ following }` when every copy is whole; for each version of the policy that all have come to judge by, `{ version, at }`: when each of
 * them did, by its own checks, asked every millisecond; ms since 1970. Ends when the parent goes.
 */
export type Reached = { version: number; at: number[] };

const [count = '0', ...urls] = process.argv.slice(2);
const EVERY_MS = 1;
const DRIVER = { parkId: parkKey(0), driverId: driverKey(0) };
const ORDER = { region: 'moscow' };

const opening = urls.flatMap((url) =>
  Array.from({ length: Number(count) }, () => openDriverCache({ endpoints: [url] })),
);
const caches = await Promise.all(opening);
const judging = caches.map((cache) => ({ cache, version: versionOf(cache) }));
const reached = new Map<number, number[]>();

function versionOf(cache: DriverCache): number {
  const { policyVersion, deptransId, session } = cache.check(DRIVER, ORDER);
  // Whoever puts the policies gives versions in turn different modes, for both checks.
  const mode = policyVersion === 0 ? 'observe' : policyVersion % 2 === 0 ? 'warn' : 'block';
  const modes = cache.ageMs > 60_000 ? [] : [deptransId.mode, session.mode];
  if (modes.some((one) => one !== mode)) throw new Error(`Version ${policyVersion} is not judged by ${modes}.`);
  return policyVersion;
}

function look(): void {
  for (const one of judging) {
    const version = versionOf(one.cache);
    if (version === one.version) continue;
    one.version = version;
    const at = reached.get(version) ?? [];
    reached.set(version, at);
    at.push(performance.timeOrigin + performance.now());
    if (at.length === judging.length) process.send?.({ version, at } satisfies Reached);
  }
}

process.on('disconnect', () => process.exit());
await Promise.all(caches.map((cache) => cache.ready()));
setInterval(look, EVERY_MS);
process.send?.({ following: caches.length });
