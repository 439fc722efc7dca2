import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/**
 * Who may import whom, as in docs/architecture.md. A folder may import itself and what its row lists; `src/main.ts` and `src/app*.ts` may
 * import everything of `src`. A name with a slash is one file.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'src/domain': [],
  'src/runtime': [],
  'src/store': ['src/domain', 'src/runtime'],
  'src/regulator': ['src/domain', 'src/runtime'],
  'src/clients': ['src/domain', 'src/runtime'],
  'src/mirror': ['src/domain', 'src/runtime', 'src/store', 'src/clients'],
  'src/auth': ['src/domain', 'src/runtime'],
  'src/feed': ['src/domain', 'src/runtime', 'src/store', 'verdict', 'gen'],
  'src/intake': ['src/domain', 'src/runtime', 'src/store', 'gen'],
  'src/delivery': ['src/domain', 'src/runtime', 'src/store', 'src/regulator/regulator.ts', 'src/clients'],
  'src/maintenance': ['src/domain', 'src/runtime', 'src/store'],
  'src/api': [
    'src/domain',
    'src/runtime',
    'src/auth',
    'src/store',
    'src/feed/feed.ts',
    'src/regulator/regulator.ts',
    'src/enforcement/enforcement.ts',
    'src/supply/supply.ts',
    'src/clients',
    'verdict',
    'gen',
  ],
  'src/supply': ['src/domain', 'src/runtime', 'src/store', 'src/clients', 'verdict', 'gen'],
  'src/enforcement': ['src/domain', 'src/runtime', 'src/store', 'verdict', 'gen'],
  'src/stub': [
    'src/api',
    'src/auth',
    'src/config.ts',
    'src/config-auth.ts',
    'src/config-schema.ts',
    'src/domain',
    'src/enforcement/enforcement.ts',
    'src/feed/feed.ts',
    'src/runtime',
    'verdict',
    'gen',
  ],
  simulator: ['gen', 'consumer/driver-cache.ts', 'keys/keys.ts'],
  keys: [],
  consumer: ['gen', 'verdict'],
  verdict: ['gen'],
  gen: [],
};

/** Folders whose public face is the file of the folder's name; its other files are private to it. */
const FACES = [
  'src/mirror',
  'src/feed',
  'src/intake',
  'src/delivery',
  'src/maintenance',
  'src/enforcement',
  'src/supply',
];

const ROOT = resolve(import.meta.dirname, '..');
const LONGEST_FILE = 250;

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(ROOT, resolve(ROOT, dirname(file), path!)),
  );
}

const folderOf = (file: string) => Object.keys(MAY_IMPORT).find((folder) => file.startsWith(`${folder}/`));

const files = ['src', 'simulator', 'consumer', 'keys', 'verdict'].flatMap(filesIn);

test('every folder has a row in the table', () => {
  const without = files.filter((file) => !folderOf(file) && !/^src\/(main|app|config)[a-z-]*\.ts$/.test(file));
  expect(without).toEqual([]);
});

test('files import only what their folder may', () => {
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file);
    const allowed = folder ? [folder, ...MAY_IMPORT[folder]!] : ['src'];
    const isAllowed = (path: string) => allowed.some((name) => path === name || path.startsWith(`${name}/`));
    return importsOf(file)
      .filter((path) => !isAllowed(path))
      .map((path) => `${file} -> ${path}`);
  });
  expect(wrong).toEqual([]);
});

test('the private files of a part are used by that part alone', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((path) => {
        const face = FACES.find((folder) => path.startsWith(`${folder}/`));
        return face && folderOf(file) !== face && path !== `${face}/${face.split('/')[1]}.ts` && file !== 'src/app.ts';
      })
      .map((path) => `${file} -> ${path}`),
  );
  expect(wrong).toEqual([]);
});

test('time is read from the clock alone', () => {
  const wrong = files
    .filter((file) => file.startsWith('src/') && file !== 'src/runtime/clock.ts')
    .filter((file) =>
      /\bDate\.now\(\)|\bnew Date\(\)|performance\.now\(\)/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
  expect(wrong).toEqual([]);
});

test('files are short', () => {
  const all = [...files, ...filesIn('test'), ...filesIn('bench')];
  const long = all.filter((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > LONGEST_FILE + 1);
  expect(long).toEqual([]);
});
