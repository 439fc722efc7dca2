import { createHmac } from 'node:crypto';
import type { DriverRef } from '../store/bindings.ts';
import type { Db } from '../store/database.ts';
import { type DriverAnswer, recallAnswer, rememberAnswer } from '../store/driver-answers.ts';
import { readWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';

/** One call with its idempotency key. Without a key it remembers nothing. */
export type Repeat = {
  /** The first answer to this key: when the id was bound, or `refused`. Null if there is none. Refuses a key that came with another id. */
  recall(signal: AbortSignal): Promise<Date | 'refused' | null>;
  /** Remembers the answer, in the transaction that makes it so if there is one. `boundAt` null: the id was refused. */
  remember(db: Db, boundAt: Date | null): Promise<void>;
};

const MAX_KEY_BYTES = 64;

/** A repeated call with the key of an earlier one is given its answer, whatever happened since: the app never saw it. */
export function repeatOf(
  { driver, key, id }: { driver: DriverRef; key: string; id: string },
  { db, hashKey, readTimeoutMs }: { db: Db; hashKey: string; readTimeoutMs: number },
): Repeat {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw badKey(`at most ${MAX_KEY_BYTES} bytes`);
  if (key === '') return { recall: () => Promise.resolve(null), remember: () => Promise.resolve() };
  const hash = (...words: string[]) =>
    createHmac('sha256', hashKey).update(JSON.stringify(words)).digest().subarray(0, 16);
  const keyHash = hash('answer', driver.parkId, driver.driverId, key);
  const idHash = hash('answered id', id);
  return {
    async recall(signal) {
      const answer: DriverAnswer | null = await readWithin(readTimeoutMs, signal, recallAnswer(db, keyHash));
      if (!answer) return null;
      if (!answer.idHash.equals(idHash)) throw badKey('a new one for another id');
      return answer.boundAt ?? 'refused';
    },
    remember: (tx, boundAt) => rememberAnswer(tx, { keyHash, idHash, boundAt }),
  };
}

function badKey(description: string) {
  return refuse('REQUEST_MALFORMED', { fields: [{ field: 'idempotency_key', description }] });
}
