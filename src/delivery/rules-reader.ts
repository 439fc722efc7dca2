import type { Rules } from '../domain/region.ts';
import type { Db } from '../store/database.ts';
import { readRules } from '../store/rules.ts';

/** The rules in force, read again only when a look was taken under another version. */
export type RulesReader = { at(version: number): Promise<Rules> };

export function openRulesReader(db: Db): RulesReader {
  let rules: Rules = { version: -1, regions: [] };
  return {
    async at(version) {
      if (rules.version < version) rules = await readRules(db);
      return rules;
    },
  };
}
