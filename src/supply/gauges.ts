import type { Metrics } from '../runtime/metrics.ts';
import type { RegionFigures } from './figures.ts';
import type { Standing } from './readings.ts';

/** Figures of the cluster, shown by the one instance that counts; the others show none. */
export type Gauges = {
  show(standing: Standing): void;
  clear(): void;
};

export function openGauges(metrics: Metrics): Gauges {
  const byTariff = ['region', 'category'] as const;
  const gauge = (name: string, help: string) => metrics.gauge(`supply_${name}`, help, byTariff);
  const connected = gauge('connected', 'People who are connected and work by the tariff; by any if it is empty');
  const failing = gauge('failing', 'People whom some check fails: lost if everybody were blocked now');
  const unknown = gauge('unknown', 'People of whom no check fails and one is unknown');
  const blocked = gauge('blocked', 'People whom the policy in force blocks');
  const people = metrics.gauge('supply_people', 'People by what a check says', [
    'region',
    'category',
    'check',
    'reason',
  ] as const);
  const nowhere = metrics.gauge('supply_unplaced', 'People who would count if somebody knew where they are', []);
  const all = [connected, failing, unknown, blocked, people, nowhere];

  const showRegion = (region: string, figures: RegionFigures) => {
    for (const tariff of figures) {
      const { category } = tariff;
      connected.set({ region, category }, tariff.connected.people);
      failing.set({ region, category }, tariff.failing.people);
      unknown.set({ region, category }, tariff.unknown.people);
      blocked.set({ region, category }, tariff.blocked.people);
      for (const { check, reason, people: sum } of tariff.reasons)
        people.set({ region, category, check, reason }, sum.people);
    }
  };
  const clear = () => {
    for (const one of all) one.reset();
  };
  return {
    show({ figures, unplaced }) {
      clear();
      for (const [region, its] of figures) showRegion(region, its);
      nowhere.set({}, unplaced);
    },
    clear,
  };
}
