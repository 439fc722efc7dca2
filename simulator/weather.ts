import type { CallKind } from './regulator/call-log.ts';
import type { Regulator } from './regulator/regulator.ts';

const reports: CallKind[] = ['status', 'batch'];

/** What a regulator is like on a common day. Nothing of it turns a report down for good. */
export function makeWeather({ faults, settings }: Regulator): void {
  Object.assign(settings, { tokenLifeMs: 20_000, loginsPerMinute: 30 });
  faults.add({ kind: 'latency', medianMs: 20, p99Ms: 150 });
  faults.add({ kind: 'lostAnswer', calls: reports, share: 0.01 });
  faults.add({ kind: 'lateApplication', calls: reports, share: 0.001, ms: 7_000 });
  faults.add({ kind: 'reset', calls: reports, share: 0.001 });
  faults.add({ kind: 'reset', calls: reports, share: 0.001, applies: true });
  faults.add({ kind: 'cutJson', calls: reports, share: 0.001 });
  faults.add({ kind: 'html', calls: [...reports, 'session'], share: 0.001 });
  faults.add({ kind: 'unknownWord', calls: reports, share: 0.002 });
  faults.add({ kind: 'serverError', share: 0.002 });
  faults.add({ kind: 'throttled', share: 0.005 });
}
