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
    const spans = items.flatMap(spanOf);
    for (const { from, to } of spans) all.observe(Math.max(0, to.getTime() - from.getTime()) / 1_000);
    const long = spans.filter(({ from, to }) => to.getTime() - from.getTime() > LONG_MS);
    if (long.length === 0) return;
    const since = long.reduce((oldest, { from }) => (from < oldest ? from : oldest), long[0]!.from);
    const outages = await outagesSince(db, regulator, since);
    for (const { from, to } of long) theirs.observe(outageWithin(outages, from, to) / 1_000);
  };
}

function spanOf({ look, settlement, journal }: SettleItem): { from: Date; to: Date }[] {
  const to = journal.at(-1)?.answeredAt;
  const events = look.profiles.flatMap(({ queued }) => (queued?.carriesEvent ? [queued.eventAt] : []));
  if (settlement.rows?.outcome !== 'sent' || !to || events.length === 0) return [];
  return [{ from: events.reduce((newest, at) => (at > newest ? at : newest)), to }];
}
