import type { ConnectError } from '@connectrpc/connect';
import { type Db, inTransaction, isDatabaseAway } from '../store/database.ts';
import { refuse } from './errors.ts';

/** Waits for a reading for at most `timeoutMs`. A database that is away or too slow is refused as SERVICE_DEGRADED. */
export async function readWithin<T>(timeoutMs: number, signal: AbortSignal, reading: Promise<T>): Promise<T> {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const { promise: overtaken, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(degraded());
  ending.addEventListener('abort', giveUp, { once: true });
  if (ending.aborted) giveUp();
  try {
    return await Promise.race([reading, overtaken]);
  } catch (error) {
    throw isAway(error) ? degraded() : error;
  } finally {
    ending.removeEventListener('abort', giveUp);
  }
}

/**
 * Runs a transaction until `signal`. A refusal means that nothing was saved: work that is overtaken by the signal is rolled back, and once
 * the commit is on its way its outcome is waited for. One case nobody can tell: the connection is lost while the commit is on its way.
 */
export async function saveWithin<T>(db: Db, signal: AbortSignal, work: (tx: Db) => Promise<T>): Promise<T> {
  const { promise: overtaken, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(degraded());
  const saving = inTransaction(db, async (tx) => {
    signal.throwIfAborted();
    const result = await work(tx);
    signal.throwIfAborted();
    signal.removeEventListener('abort', giveUp);
    return result;
  });
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([saving, overtaken]);
  } catch (error) {
    throw signal.aborted || isAway(error) ? degraded() : error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Away, or busy for longer than we wait: a lock not given in time, a statement cancelled. */
function isAway(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === '55P03' || code === '57014' || isDatabaseAway(error);
}

function degraded(): ConnectError {
  return refuse('SERVICE_DEGRADED');
}
