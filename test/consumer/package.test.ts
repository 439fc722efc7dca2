import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FeedApi, openFeedApi } from '../support/feed/api.ts';
import { addPeople, setBindings, setSessions } from '../support/feed/world.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let folder: string;
let database: TestDatabase;
let api: FeedApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driver-cache-install-'));
  database = await openTestDatabase();
  const people = await addPeople(database.db, 20);
  await setBindings(database.db, people);
  await setSessions(database.db, people.slice(0, 10));
  api = await openFeedApi(database.db);
  const { stdout } = await run(process.execPath, [join(ROOT, 'consumer/pack.ts'), folder]);
  await writeFile(join(folder, 'package.json'), '{ "name": "somebody", "private": true, "type": "module" }');
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', stdout.trim()], { cwd: folder });
}, 600_000);
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('installed from its tarball in an empty folder, the README example works in plain JavaScript', async () => {
  const [readme, ownReadme] = await Promise.all(
    ['README.md', 'consumer/README.md'].map((file) => readFile(join(ROOT, file), 'utf8')),
  );
  const [, example] = /<!-- example: cache -->\n```js\n([\s\S]*?)```/.exec(readme!)!;
  expect(ownReadme).toContain(example);
  const program = example!
    .replace('http://127.0.0.1:8080', api.url)
    .replace('PARK', 'park-3')
    .replace('DRIVER', 'driver-3-1');
  await writeFile(join(folder, 'use.js'), program);
  const { stdout, stderr } = await run(process.execPath, ['use.js'], { cwd: folder });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    allowed: true,
    deptransId: { check: 'deptrans_id', outcome: 'pass', reason: 'ok', mode: 'observe', rule: -1 },
    session: { check: 'session', outcome: 'pass', reason: 'ok', mode: 'observe', rule: -1 },
    fresh: true,
    profiles: 20,
  });
  // It has left its dump behind: the next one needs nobody.
  await writeFile(
    join(folder, 'again.js'),
    program.replace(api.url, 'http://127.0.0.1:9').replace('dump: {', `dump: { source: '${api.url}',`),
  );
  expect(JSON.parse((await run(process.execPath, ['again.js'], { cwd: folder })).stdout)).toMatchObject({
    profiles: 20,
  });
});

test('its types are enough for those who compile', async () => {
  await writeFile(
    join(folder, 'typed.ts'),
    `import { type DriverCache, driverCacheFrom, policyBlockingIn, type Verdict } from '@deptrans/driver-cache';
     const cache: DriverCache = driverCacheFrom([{ parkId: 'p', driverId: 'd', session: { region: 'moscow' } }], {
       policy: policyBlockingIn([{ id: 'moscow', on: true, tariffs: ['econom'] }]),
     });
     const verdict: Verdict = cache.check({ parkId: 'p', driverId: 'd' }).session;
     // @ts-expect-error: a driver has two parts
     cache.get({ parkId: 'p' });
     export const outcome: 'pass' | 'fail' | 'unknown' = verdict.outcome;`,
  );
  const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--lib', 'esnext'];
  const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node', '--skipLibCheck'];
  await expect(run('tsc', [...options, ...types, 'typed.ts'], { cwd: folder })).resolves.toMatchObject({ stdout: '' });
});
