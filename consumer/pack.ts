import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * Makes the installable package: `npm run pack:consumer -- FOLDER` compiles the library, with the generated code that it needs, into JavaScript with
 * types, packs it into FOLDER (the present one if none is given), and prints the path of the tarball.
 */
const run = promisify(execFile);

async function main([folder = '.']: string[]): Promise<void> {
  const staging = await mkdtemp(join(tmpdir(), 'driver-cache-pack-'));
  try {
    await run('tsc', ['-p', join(import.meta.dirname, 'tsconfig.json'), '--outDir', join(staging, 'dist')]);
    for (const file of ['package.json', 'README.md'])
      await copyFile(join(import.meta.dirname, file), join(staging, file));
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', resolve(folder)], { cwd: staging });
    process.stdout.write(`${join(resolve(folder), stdout.trim())}\n`);
  } finally {
    await rm(staging, { recursive: true });
  }
}

await main(process.argv.slice(2));
