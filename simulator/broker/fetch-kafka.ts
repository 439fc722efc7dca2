import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runTool } from './run-tool.ts';

const pom = fileURLToPath(new URL('pom.xml', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/kafka/', import.meta.url));
const version = '4.4.0';

/**
 * The folder with the broker's jars, fetched with Maven at the first call (43 MB) and kept in `.cache/kafka`. Processes may race: each
 * fetches into a folder of its own and the first rename wins, so the cache is whole or absent.
 */
export async function fetchKafka(): Promise<string> {
  const jars = `${cache}${version}`;
  if (existsSync(jars)) return jars;
  await mkdir(cache, { recursive: true });
  const fetched = `${cache}.${version}-${process.pid}-${Date.now().toString(36)}`;
  try {
    await runTool(
      'mvn',
      ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fetched}`],
      'Install Maven 3 (https://maven.apache.org) or run without a broker.',
    );
    await rename(fetched, jars).catch((problem: NodeJS.ErrnoException) => {
      if (problem.code !== 'ENOTEMPTY' && problem.code !== 'EEXIST') throw problem;
    });
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
  return jars;
}
