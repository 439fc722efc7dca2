import { createHmac } from 'node:crypto';
import pg from 'pg';
import type { CallRecord } from '../../simulator/regulator/call-log.ts';
import { journalKey } from '../../simulator/stage/service.ts';

/** A report of a state that held already, and the report of the same driver before it. */
export type Repeat = { call: CallRecord; before: CallRecord | undefined };

export function repeatsIn(calls: readonly CallRecord[]): Repeat[] {
  const last = new Map<string, CallRecord>();
  return calls.flatMap((call) => {
    if (call.driverId === null || (call.kind !== 'status' && call.kind !== 'batch')) return [];
    const before = last.get(call.driverId);
    last.set(call.driverId, call);
    return ['repeated', 'secondShift', 'ALREADY'].includes(call.effect ?? '') ? [{ call, before }] : [];
  });
}

/** How long before its arrival a call may have been sent, by the service's clock. */
const sendingMs = 10_000;

/**
 * Repeats that no kill explains. Explained is one whose earlier report was under way at a kill: the journal has no line of its outcome, since who sent it
 * was killed before its answer was settled, and between the two somebody was killed.
 */
export async function unexplained(
  repeats: readonly Repeat[],
  killedAtMs: readonly number[],
  databaseUrl: string,
): Promise<{ repeat: Repeat; journal: unknown[] }[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const all: { repeat: Repeat; journal: Line[] }[] = [];
    for (const repeat of repeats) all.push({ repeat, journal: await journalOf(client, repeat.call.driverId!) });
    return all.filter(({ repeat: { call, before }, journal }) => {
      if (!before) return true;
      const killed = killedAtMs.some((atMs) => atMs >= before.receivedAtMs - sendingMs && atMs <= call.receivedAtMs);
      return !killed || journal.some((line) => isOutcomeOf(line, before));
    });
  } finally {
    await client.end();
  }
}

type Line = { kind: string; direction: string | null; sentMs: number | null; answeredMs: number | null };

function isOutcomeOf({ kind, direction, sentMs, answeredMs }: Line, call: CallRecord): boolean {
  if (kind !== 'outcome' || sentMs === null || answeredMs === null) return false;
  if ((direction === 'connected') !== call.connected) return false;
  return sentMs <= call.receivedAtMs && sentMs >= call.receivedAtMs - sendingMs && answeredMs >= call.receivedAtMs;
}

async function journalOf(client: pg.Client, deptransId: string): Promise<Line[]> {
  const account = createHmac('sha256', journalKey).update(deptransId).digest().subarray(0, 16);
  const { rows } = await client.query<Line>(
    `select at, kind, direction, outcome, reason, lease_token::text as lease, extract(epoch from sent_at)::float8 * 1000 as "sentMs",
            extract(epoch from answered_at)::float8 * 1000 as "answeredMs"
       from deptrans.journal where account = $1 order by at`,
    [account],
  );
  return rows;
}
