import { resolve } from 'node:path';
import { type Holder, makeKeys, openTokenMaker, settingsFor } from './keys.ts';

/**
 * `node keys/main.ts init` makes keys in the folder KEYS (`.cache/keys`) and prints the settings by which the service knows them.
 * `… service NAME`, `… engineer NAME`, `… driver PARK DRIVER [APP]` print a token, valid for TTL_S seconds (3600), for the service AUDIENCE
 * (`deptrans`).
 */
const USAGE = 'Usage: npm run -s token -- init | service NAME | engineer NAME | driver PARK DRIVER [APP]\n';

async function main([command = '', ...words]: string[]): Promise<number> {
  const folder = resolve(process.env['KEYS'] ?? '.cache/keys');
  const holder = holderOf(command, words);
  const ttlS = Number(process.env['TTL_S'] ?? 3_600);
  if ((command !== 'init' && !holder) || !(ttlS > 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  await makeKeys(folder);
  const lines = holder
    ? [await (await openTokenMaker(folder, process.env['AUDIENCE'])).token(holder, ttlS * 1_000)]
    : Object.entries(settingsFor(folder)).map(([name, value]) => `${name}=${value}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function holderOf(kind: string, [first, second, app]: string[]): Holder | null {
  if ((kind === 'service' || kind === 'engineer') && first) return { kind, name: first };
  if (kind === 'driver' && first && second) return { kind, parkId: first, driverId: second, ...(app && { app }) };
  return null;
}

process.exitCode = await main(process.argv.slice(2));
