import type { Regulator } from './regulator/regulator.ts';

/** What a regulator is like on a common day. Nothing of it turns a report down for good. */
export function makeWeather({ faults, settings }: Regulator): void {
  Object.assign(settings, { tokenLifeMs: 20_000, loginsPerMinute: 30 });
  faults.add({ kind: 'latency', medianMs: 20, p99Ms: 150 });
  faults.add({ kind: 'lostAnswer', calls: ['status'], share: 0.003 });
  faults.add({ kind: 'lateApplication', calls: ['status'], share: 0.001, ms: 7_000 });
  faults.add({ kind: 'reset', calls: ['status'], share: 0.001 });
  faults.add({ kind: 'reset', calls: ['status'], share: 0.001, applies: true });
  faults.add({ kind: 'cutJson', calls: ['status'], share: 0.001 });
  faults.add({ kind: 'html', calls: ['status', 'session'], share: 0.001 });
  faults.add({ kind: 'unknownWord', calls: ['status'], share: 0.002 });
  faults.add({ kind: 'serverError', share: 0.002 });
  faults.add({ kind: 'throttled', share: 0.005 });
}
