import type { HandlerContext } from '@connectrpc/connect';
import type { Log } from '../runtime/log.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { callerNameOf, callOf } from './call.ts';
import { readWithin } from './database-deadline.ts';

/** Longer than a statement may take: the database gives up first. */
export const TIMEOUT_MS = 30_000;

/** Operations of engineers: the request is checked, and the operation is on record in the table and the log, before it is carried out. */
export type Audited = {
  /** Puts an operation on record. `detail`: what is asked for; no government id and no token. */
  record(context: HandlerContext, caller: string, detail: Record<string, unknown>): Promise<void>;
  /** An operation: `check` says what is asked for, and `recorded` how much of it is put on record (all of it if not given); `work` does it. */
  operation<Request, Asked extends Record<string, unknown>, Answer>(
    check: (request: Request) => Asked,
    work: (asked: Asked, caller: string, signal: AbortSignal) => Promise<Answer>,
    recorded?: (asked: Asked) => Record<string, unknown>,
  ): (request: Request, context: HandlerContext) => Promise<Answer>;
};

export function openAudited(db: Db, log: Log): Audited {
  const record: Audited['record'] = async (context, caller, detail) => {
    const entry = { caller, operation: context.method.name, requestId: callOf(context.values).requestId };
    await readWithin(TIMEOUT_MS, context.signal, appendAudit(db, { ...entry, detail }));
    log.info(entry, 'operation');
  };
  return {
    record,
    operation:
      (check, work, recorded = (asked) => asked) =>
      async (request, context) => {
        const caller = callerNameOf(context.values);
        const asked = check(request);
        await record(context, caller, recorded(asked));
        const signal = AbortSignal.any([context.signal, AbortSignal.timeout(TIMEOUT_MS)]);
        return readWithin(TIMEOUT_MS, context.signal, work(asked, caller, signal));
      },
  };
}
