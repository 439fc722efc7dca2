import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Region, Rules } from '../domain/region.ts';
import type { Db } from './database.ts';
import { inTransaction } from './database.ts';

/** Makes these regions the rules in force, as a new version unless they are already. Instances may do it at once. */
export async function putRules(db: Db, regions: readonly Region[]): Promise<void> {
  const text = JSON.stringify(regions);
  const digest = createHash('sha256').update(text).digest('hex');
  await inTransaction(db, async (tx) => {
    await sql`/* rules.lock */ select pg_advisory_xact_lock(7299)`.execute(tx);
    await sql`/* rules.put */
      insert into deptrans.reporting_rules (created_at, digest, rules)
      select deptrans.now(), ${digest}, ${text}::jsonb
       where ${digest} is distinct from (select digest from deptrans.reporting_rules order by version desc limit 1)`.execute(
      tx,
    );
  });
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

/** The number of the rules in force; 0 = there are none yet. */
export async function readRulesVersion(db: Db): Promise<number> {
  const { rows } = await sql<{ version: number }>`/* rules.version */
    select coalesce(max(version), 0)::bigint as version from deptrans.reporting_rules`.execute(db);
  return rows[0]!.version;
}
