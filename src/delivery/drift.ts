import type { Clock } from '../runtime/clock.ts';
import type { Db } from '../store/database.ts';
import { verifyOne } from '../store/drift.ts';
import { lead } from '../store/leaders.ts';

const LEADER = 'drift';
const DAY_MS = 86_400_000;

/**
 * Compares a few accounts a day with what the regulator itself says, in no order that anybody chose: the proof that what we believe is true, also
 * where nothing ever told us otherwise. The reading itself is an ordinary one, at the pace of all others; what differs is mended by it and counted.
 * Returns one round of a loop: an account is due for comparison when enough time has passed and this instance leads.
 */
export function openDrift(
  db: Db,
  {
    instance,
    perDay,
    clock,
    random = Math.random,
  }: { instance: string; perDay: number; clock: Clock; random?: () => number },
): () => Promise<'idle'> {
  const everyMs = DAY_MS / perDay;
  let lastMs = clock.monotonic();
  return async () => {
    if (clock.monotonic() - lastMs < everyMs) return 'idle';
    lastMs = clock.monotonic();
    if ((await lead(db, LEADER, instance, 2 * everyMs)) !== null) await verifyOne(db, random());
    return 'idle';
  };
}
