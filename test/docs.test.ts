import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type DescMethod, fromJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DiagnosticsService } from '../gen/deptrans/v1/diagnostics_pb.ts';
import { DriverIdService } from '../gen/deptrans/v1/driver_id_pb.ts';
import { IncrementalUpdatesService } from '../gen/deptrans/v1/incremental_updates_pb.ts';
import { OperationsService } from '../gen/deptrans/v1/operations_pb.ts';
import { PolicyService } from '../gen/deptrans/v1/policy_pb.ts';
import { StatusIngestService } from '../gen/deptrans/v1/status_ingest_pb.ts';
import { SupplyService } from '../gen/deptrans/v1/supply_pb.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const PAGES = [
  ...['', 'docs', 'docs/decisions', 'simulator', 'bench', 'soak', 'consumer', 'consumer/kit'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
];

/** Text without what stands in fences, where nothing is a link. */
const proseOf = (page: string) => read(page).replaceAll(/^```[\s\S]*?^```/gm, '');

const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

test('every link leads to a file that is there, and to a title of it', () => {
  const anchors = (page: string) => [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title!));
  const broken = PAGES.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(([link, file, anchor]) => {
      const target = file ? relative(ROOT, resolve(ROOT, dirname(page), file)) : page;
      try {
        if (anchor && !anchors(target).includes(anchor)) return [`${page}: ${link}`];
        if (!anchor) readdirOrRead(target);
        return [];
      } catch {
        return [`${page}: ${link}`];
      }
    }),
  );
  expect(broken).toEqual([]);
});

function readdirOrRead(path: string): void {
  try {
    readdirSync(join(ROOT, path));
  } catch {
    read(path);
  }
}

const SERVICES = [
  DiagnosticsService,
  DriverIdService,
  IncrementalUpdatesService,
  OperationsService,
  PolicyService,
  StatusIngestService,
  SupplyService,
];

test('every command calls a method of the contract with a request that fits it', () => {
  const methods = new Map<string, DescMethod>(
    SERVICES.flatMap(({ typeName, methods }) =>
      methods.map((method) => [`${typeName}/${method.name}`, method] as const),
    ),
  );
  const commands = PAGES.flatMap((page) =>
    [...read(page).matchAll(/buf curl((?:[^\n`]|\\\n)*?)http:\/\/\S+?\/([\w.]+\/\w+)/g)].map(
      ([, options, name]) => [page, options!, name!] as const,
    ),
  );
  expect(new Set(commands.map(([, , name]) => name.split('/')[0])).size).toBeGreaterThan(4);
  for (const [page, options, name] of commands) {
    const method = methods.get(name);
    expect(method, `${page}: ${name}`).toBeDefined();
    const json = /-d '([^']+)'/.exec(options)?.[1];
    if (json) expect(() => fromJsonString(method!.input, json), `${page}: ${name} ${json}`).not.toThrow();
  }
});

/** Of the source: names as they are registered, but for timers, which are `<part>_seconds`. */
function metricsOfTheSource(): { names: Set<string>; parts: Set<string> } {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  const names = new Set<string>();
  const parts = new Set<string>();
  for (const text of files) {
    const [, prefix = ''] = /metrics\.gauge\(`(\w+)\$\{name\}`/.exec(text) ?? [];
    for (const [, direct, kind, name] of text.matchAll(/(metrics\.)?\b(gauge|counter|histogram|timer)\(\s*'(\w+)'/g)) {
      if (kind === 'timer') parts.add(name!);
      else names.add(direct ? name! : `${prefix}${name}`);
    }
  }
  return { names, parts };
}

test('every metric is explained to whoever is on call, and no other is named', () => {
  const { names, parts } = metricsOfTheSource();
  expect(names.size).toBeGreaterThan(40);
  const onCall = read('docs/operating.md') + read('docs/enforcement.md');
  expect([...names].filter((name) => !onCall.includes(`deptrans_${name}`))).toEqual([]);
  expect([...parts].filter((part) => !onCall.includes(`\`${part}\``))).toEqual([]);
  const known = (name: string) =>
    names.has(name) ||
    (name.endsWith('_seconds') && parts.has(name.replace('_seconds', ''))) ||
    /^driver_cache_/.test(name);
  const named = [...onCall.matchAll(/\bdeptrans_([a-z_]+[a-z])\b/g)].map(([, name]) =>
    name!.replace(/_(count|sum)$/, ''),
  );
  expect([...new Set(named)].filter((name) => !known(name))).toEqual([]);
});

test('every alarm leads on: to a section of a page, to the log, or to a metric that says more', () => {
  const [, section = ''] = /^## Alarms\n([\s\S]*?)^## /m.exec(read('docs/operating.md')) ?? [];
  const rows = [...section.matchAll(/^\| (`.+?) \| (.+?) \| (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(20);
  const leading = /\]\(|\blog\b|`deptrans_|says why|`listener\./;
  expect(rows.filter(([, , , text]) => !leading.test(text!)).map(([, name]) => name)).toEqual([]);
});
