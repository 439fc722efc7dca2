import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { outagesSince, outageWithin } from '../store/outages.ts';
import type { SettleItem } from '../store/settle.ts';

const SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];
/** Shorter delays are not worth asking about outages. */
const LONG_MS = 5_000;

/**
 * How late reports are: from the moment a driver's status changed to the regulator's acceptance, and how much of it the regulator itself was
 * away. Lateness is an offence; this is the proof of whose it was.
 */
export function openDelayMeter(
  db: Db,
  regulator: string,
  metrics: Metrics,
): (accepted: readonly SettleItem[]) => Promise<void> {
  const all = metrics.histogram(
    'delay_seconds',
    'From the change of a status to its acceptance by the regulator',
    SECONDS,
  );
  const theirs = metrics.histogram(
    'delay_outage_seconds',
    'The part of long delays in which the regulator was away',
    SECONDS,
  );

  return async (items) => {
    const long: Span[] = [];
    for (const item of items) {
      const span = spanOf(item);
      if (span === null) continue;
      all.observe(Math.max(0, span.to - span.from) / 1_000);
      if (span.to - span.from > LONG_MS) long.push(span);
    }
    if (long.length === 0) return;
    const since = long.reduce((oldest, { from }) => Math.min(oldest, from), long[0]!.from);
    const outages = await outagesSince(db, regulator, new Date(since));
    for (const { from, to } of long) theirs.observe(outageWithin(outages, new Date(from), new Date(to)) / 1_000);
  };
}

/** Milliseconds since 1970. */
type Span = { from: number; to: number };

/** From the newest event that was sent to its acceptance. */
function spanOf({ look, settlement, journal }: SettleItem): Span | null {
  const to = journal.at(-1)?.answeredAt;
  if (settlement.rows?.outcome !== 'sent' || to === undefined) return null;
  let from = 0;
  for (const { queued } of look.profiles) {
    if (queued?.carriesEvent) from = Math.max(from, queued.eventAt.getTime());
  }
  return from > 0 ? { from, to } : null;
}
