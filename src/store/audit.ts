import { sql } from 'kysely';
import type { Db } from './database.ts';

/** An operation that somebody asked for. */
export type AuditEntry = {
  caller: string;
  operation: string;
  requestId: string;
  /** What was asked for. No deptrans id and no token. */
  detail: Record<string, unknown>;
};

/** Records an operation, before it is carried out. */
export async function appendAudit(db: Db, { caller, operation, requestId, detail }: AuditEntry): Promise<void> {
  await sql`/* audit.append */
    insert into deptrans.audit (at, caller, operation, request_id, detail)
    values (deptrans.now(), ${caller}, ${operation}, ${requestId}, ${JSON.stringify(detail)}::jsonb)`.execute(db);
}
