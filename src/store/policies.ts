import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A version of the policy of enforcement. `policy` is deptrans.v1.Policy in the contract's JSON. */
export type StoredPolicy = {
  version: number;
  policy: object;
  suspended: boolean;
  author: string;
  reason: string;
  putAt: Date;
};

const columns = sql`version, policy, suspended, author, reason, put_at as "putAt"`;

/** The newest version, or the one of a number; null if there is none. */
export async function readPolicy(db: Db, version: number | null = null): Promise<StoredPolicy | null> {
  const { rows } = await sql<StoredPolicy>`/* policies.read */
    select ${columns} from deptrans.policies where ${version}::bigint is null or version = ${version}
     order by version desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** The version that was in force at a moment; null if none had been put. */
export async function readPolicyAt(db: Db, at: Date): Promise<StoredPolicy | null> {
  const { rows } = await sql<StoredPolicy>`/* policies.at */
    select ${columns} from deptrans.policies where put_at <= ${at} order by version desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** The number of the newest version; 0 if none was ever put. */
export async function readPolicyVersion(db: Db): Promise<number> {
  const { rows } = await sql<{ version: number }>`/* policies.version */
    select coalesce(max(version), 0)::bigint as version from deptrans.policies`.execute(db);
  return rows[0]!.version;
}

/** Up to `limit` versions below `before`, newest first. */
export async function listPolicies(db: Db, before: number, limit: number): Promise<StoredPolicy[]> {
  const { rows } = await sql<StoredPolicy>`/* policies.list */
    select ${columns} from deptrans.policies where version < ${before} order by version desc limit ${limit}`.execute(
    db,
  );
  return rows;
}

type NewPolicy = { base: number; policy: object; author: string; reason: string };

/**
 * Makes a policy the newest version, if `base` is the newest now; a suspension goes on. Null: it is not, and nothing was written. Of two writers
 * with one base one gets null.
 */
export async function putPolicy(db: Db, { base, policy, author, reason }: NewPolicy): Promise<StoredPolicy | null> {
  const { rows } = await sql<StoredPolicy>`/* policies.put */
    insert into deptrans.policies (version, policy, suspended, author, reason, put_at)
    select n.version + 1, ${JSON.stringify(policy)}::jsonb, n.suspended, ${author}, ${reason}, deptrans.now()
      from (select version, suspended from deptrans.policies union all select 0, false order by 1 desc limit 1) n
     where n.version = ${base}
    on conflict do nothing returning ${columns}`.execute(db);
  return rows[0] ?? null;
}

/** Suspends or resumes, as a new version with the policy of the newest; returns what is newest now. Repeats change nothing. */
export async function setSuspended(
  db: Db,
  suspended: boolean,
  by: { author: string; reason: string },
): Promise<StoredPolicy | null> {
  const { rowCount } = await writeSuspended(db, suspended, by);
  const newest = await readPolicy(db);
  // Somebody else's version came between: once more over that one.
  if (rowCount === 0 && newest && newest.suspended !== suspended) return setSuspended(db, suspended, by);
  return newest;
}

async function writeSuspended(db: Db, suspended: boolean, by: { author: string; reason: string }) {
  const { numAffectedRows } = await sql`/* policies.suspend */
    insert into deptrans.policies (version, policy, suspended, author, reason, put_at)
    select n.version + 1, n.policy, ${suspended}, ${by.author}, ${by.reason}, deptrans.now()
      from (select version, policy, suspended from deptrans.policies union all select 0, '{}'::jsonb, false order by 1 desc limit 1) n
     where n.suspended <> ${suspended}
    on conflict do nothing`.execute(db);
  return { rowCount: Number(numAffectedRows ?? 0) };
}
