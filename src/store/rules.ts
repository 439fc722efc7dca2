import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Region, Rules } from '../domain/region.ts';
import type { Db } from './database.ts';
import { inTransaction } from './database.ts';

/** Makes these regions the rules in force, as a new version unless they are already. Instances may do it at once. */
export async function putRules(db: Db, regions: readonly Region[]): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lockRules(tx);
    await writeRules(tx, regions);
  });
}

/**
 * Switches a region off in the rules in force and returns their version, or null if they have no such region. It lasts until somebody puts other
 * rules, as every start of an instance does.
 */
export function switchRegionOff(db: Db, id: string): Promise<number | null> {
  return inTransaction(db, async (tx) => {
    await lockRules(tx);
    const { regions } = await readRules(tx);
    if (!regions.some((region) => region.id === id)) return null;
    await writeRules(
      tx,
      regions.map((region) => (region.id === id ? { ...region, on: false } : region)),
    );
    return readRulesVersion(tx);
  });
}

async function lockRules(tx: Db): Promise<void> {
  await sql`/* rules.lock */ select pg_advisory_xact_lock(7299)`.execute(tx);
}

async function writeRules(tx: Db, regions: readonly Region[]): Promise<void> {
  const text = JSON.stringify(regions);
  const digest = createHash('sha256').update(text).digest('hex');
  await sql`/* rules.put */
    insert into deptrans.reporting_rules (created_at, digest, rules)
    select deptrans.now(), ${digest}, ${text}::jsonb
     where ${text}::jsonb is distinct from (select rules from deptrans.reporting_rules order by version desc limit 1)`.execute(
    tx,
  );
}

/** The rules in force. */
export async function readRules(db: Db): Promise<Rules> {
  const row = await db
    .selectFrom('deptrans.reporting_rules')
    .select(['version', 'rules'])
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { version: row?.version ?? 0, regions: (row?.rules ?? []) as Region[] };
}

/** The rules that were in force at a moment; null if they are not kept any more, or there were none. */
export async function readRulesAt(db: Db, at: Date): Promise<Rules | null> {
  const { rows } = await sql<{ version: number; rules: Region[] }>`/* rules.at */
    select version, rules from deptrans.reporting_rules where created_at <= ${at} order by version desc limit 1`.execute(
    db,
  );
  return rows[0] ? { version: rows[0].version, regions: rows[0].rules } : null;
}

/** The number of the rules in force; 0 = there are none yet. */
export async function readRulesVersion(db: Db): Promise<number> {
  const { rows } = await sql<{ version: number }>`/* rules.version */
    select coalesce(max(version), 0)::bigint as version from deptrans.reporting_rules`.execute(db);
  return rows[0]!.version;
}
