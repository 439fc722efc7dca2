import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

export type DocumentedCity = {
  /** The surroundings as they are written. */
  env: Record<string, string>;
  /** The policy of a regulator that tells nothing of shifts, as JSON. */
  policy: string;
};

/**
 * What docs/operating.md says of a second city: its folder of configuration is written to `folder`, with `regulator` as the adapter, and what stands in its
 * surroundings is returned.
 */
export function readDocumentedCity(folder: string, regulator: string): DocumentedCity {
  const page = readFileSync(join(ROOT, 'docs/operating.md'), 'utf8');
  const section = page.split(/^## /m).find((text) => text.startsWith('A second city\n')) ?? '';
  const blocks = [...section.matchAll(/```(json|sh)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }));
  expect(blocks.map(({ kind }) => kind)).toEqual(['json', 'json', 'json', 'sh', 'json']);
  const [service, region, area, env, policy] = blocks.map(({ text }) => text) as [
    string,
    string,
    string,
    string,
    string,
  ];
  mkdirSync(join(folder, 'regions'), { recursive: true });
  writeFileSync(join(folder, 'service.json'), service);
  cpSync(join(ROOT, 'config/texts.json'), join(folder, 'texts.json'));
  const { area: areaFile, id, ...rules } = JSON.parse(region) as { area: string; id: string };
  writeFileSync(join(folder, `regions/${id}.json`), JSON.stringify({ ...rules, id, area: areaFile, regulator }));
  writeFileSync(join(folder, 'regions', areaFile), area);
  return {
    env: Object.fromEntries(
      env
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/).slice(0, 2)),
    ),
    policy,
  };
}
