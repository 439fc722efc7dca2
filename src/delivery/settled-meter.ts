import type { Metrics } from '../runtime/metrics.ts';
import type { SettleItem, SettleResult } from '../store/settle.ts';

/** Counts what was settled together: how looks ended, what became of reports, and leases that were over. One step for each count, not for each look. */
export function openSettledMeter(metrics: Metrics): (items: readonly SettleItem[], result: SettleResult) => void {
  const settled = metrics.counter('delivery_settled_total', 'Looks settled', ['end'] as const);
  const reports = metrics.counter('delivery_reports_total', 'Reports to the regulator', [
    'direction',
    'outcome',
  ] as const);
  const lostLeases = metrics.counter('delivery_lost_leases_total', 'Looks whose lease was over when they ended');
  return (items, { lost }) => {
    const ends = new Map<string, number>();
    const told = { connected: new Map<string, number>(), disconnected: new Map<string, number>() };
    for (const { settlement, journal } of items) {
      add(ends, settlement.rows?.outcome ?? settlement.waitReason ?? 'none');
      for (const { kind, direction, outcome } of journal) {
        if (kind === 'outcome' && direction && outcome) add(told[direction], outcome);
      }
    }
    lostLeases.inc(lost.length);
    for (const [end, n] of ends) settled.inc({ end }, n);
    for (const direction of ['connected', 'disconnected'] as const) {
      for (const [outcome, n] of told[direction]) reports.inc({ direction, outcome }, n);
    }
  };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
