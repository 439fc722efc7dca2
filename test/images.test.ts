import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { settingsFor } from '../keys/keys.ts';
import { readConfig } from '../src/config.ts';
import { environmentSchema } from '../src/config-schema.ts';
import { openListener } from '../src/runtime/listener.ts';
import { makeSelfSigned } from './support/self-signed.ts';

/** What the images would hold, without a machine that builds images. */
const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

/** A folder with what the file copies from the context, as far as the context has it, and the packages that are installed. */
function assemble(dockerfile: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'deptrans-image-'));
  made.push(folder);
  const context = new Set([...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name!));
  for (const [, words] of read(dockerfile).matchAll(/^COPY (?!--from)(.+)$/gm)) {
    const names = words!.split(' ').slice(0, -1);
    for (const name of names) {
      expect([...context], `${dockerfile} copies ${name}, which .dockerignore hides`).toContain(name);
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
  }
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: true; devOptional?: true }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
    if (dev || devOptional || !/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(folder, path));
  }
  return folder;
}

/** Runs Node in the folder with these surroundings alone. */
function run(folder: string, args: string[], env: Record<string, string> = {}) {
  return new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr }),
    );
  });
}

test('the image of the service holds all that the service and its keys are made of', async () => {
  const folder = assemble('Dockerfile');
  const compiled = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
  for (let i = 0; i < 2; i++) {
    const ended = await run(folder, ['src/main.ts'], compiled);
    expect(ended).toMatchObject({ code: 2, said: expect.stringContaining('DATABASE_URL') });
  }
  expect(readdirSync(compiled.NODE_COMPILE_CACHE, { recursive: true }).length).toBeGreaterThan(100);
  expect(await run(folder, ['keys/main.ts', 'init'], { KEYS: join(folder, 'made') })).toMatchObject({ code: 0 });
});

test('the image of the city holds all that the city is made of', async () => {
  const folder = assemble('simulator/Dockerfile');
  expect(await run(folder, ['simulator/main.ts'], { SIM_PORT: 'none' })).toMatchObject({
    code: 1,
    said: expect.stringContaining('SIM_PORT'),
  });
});

test('the image tells whether the service is well, with TLS or without', async () => {
  const [, command] = /^HEALTHCHECK [\s\S]*?CMD (\[.*\])$/m.exec(read('Dockerfile'))!;
  const [, ...args] = JSON.parse(command!) as string[];
  const handler = (_req: unknown, res: unknown) => (res as { end(text: string): void }).end('ok');
  await using plain = await openListener({ host: '127.0.0.1', port: 0, handler });
  await using secure = await openListener({ host: '127.0.0.1', port: 0, handler, tls: makeSelfSigned() });
  expect((await run(ROOT, args, { PORT: String(plain.port) })).code).toBe(0);
  expect((await run(ROOT, args, { PORT: String(secure.port), TLS_CERT_FILE: '/tls.crt' })).code).toBe(0);
  expect((await run(ROOT, args, { PORT: String(secure.port) })).code).toBe(1);
});

test('the composition sets only what is read, and mounts and waits for only what there is', () => {
  const text = read('compose.yaml');
  const services = Object.fromEntries(
    [...text.matchAll(/^ {2}([a-z-]+):\n((?: {4}.*\n|\n)+)/gm)].map(([, name, body]) => [name!, body!]),
  );
  expect(Object.keys(services)).toEqual(expect.arrayContaining(['postgres', 'keys', 'kafka', 'city', 'deptrans']));
  const set = (service: string) => [...services[service]!.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name]) => name!);
  const auth = [...read('src/config-auth.ts').matchAll(/\b[A-Z]+(?:_[A-Z]+)*\b/g)].map(([name]) => name);
  const known = new Set([...Object.keys(environmentSchema.shape), ...auth]);
  expect(set('deptrans').filter((name) => !known.has(name))).toEqual([]);
  expect(set('city').filter((name) => !read('simulator/main.ts').includes(`('${name}'`))).toEqual([]);
  expect(set('keys')).toEqual(['KEYS']);
  const volumes = [...text.matchAll(/^ {6}- ([a-z-]+):\//gm)].map(([, name]) => name!);
  for (const name of volumes) expect(text).toMatch(new RegExp(`^volumes:[\\s\\S]*^ {2}${name}:$`, 'm'));
  const waits = [...text.matchAll(/^ {6}([a-z]+):\n {8}condition: service_(\w+)/gm)];
  expect(waits.length).toBeGreaterThan(4);
  for (const [, name, condition] of waits) {
    expect(Object.keys(services)).toContain(name);
    if (condition === 'healthy') expect(services[name!]).toContain('healthcheck:');
  }
});

test('the composition gives the service a configuration without a problem, with the keys that are made beside it', () => {
  const [, body = ''] =
    /^ {2}deptrans:\n([\s\S]*?)^ {2}\S|^ {2}deptrans:\n([\s\S]*?)^volumes:/m.exec(read('compose.yaml')) ?? [];
  const settings = Object.fromEntries(
    [...body.matchAll(/^ {6}([A-Z_]+): "?([^"\n]+)"?$/gm)].map(([, name, value]) => [name!, value!]),
  );
  const { AUDIENCE: audience, ...keys } = settingsFor('/keys');
  expect(settings).toMatchObject(keys);
  expect(readConfig(settings, join(ROOT, 'config'))).toMatchObject({
    host: '0.0.0.0',
    auth: { mode: 'keys', audience },
  });
});
