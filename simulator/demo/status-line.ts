import type { CityState } from '../city/city.ts';
import type { FigureReader } from './figures.ts';
import { readJson } from './read-json.ts';
import type { Stage } from './stage.ts';

/** One line about how everything goes, each time it is asked. Rates are since the time before. */
export function openStatusLine(stage: Stage, figures: FigureReader): () => Promise<string> {
  let before = { atMs: performance.now(), events: 0, reports: 0, calls: 0, seconds: 0 };
  return async () => {
    const [city, told, lag, now] = await Promise.all([
      readJson<CityState>(`${stage.cityUrl}/control/state`),
      readReportCalls(stage.service.metricsUrl),
      readJson<{ statuses: { lagMs: number | null } }>(`${stage.subscriberUrl}/lag`),
      figures.read(),
    ]);
    const atMs = performance.now();
    const events = city.produced.messages;
    const elapsed = (atMs - before.atMs) / 1_000;
    const rate = (value: number, earlier: number) => Math.max(0, Math.round((value - earlier) / elapsed));
    const newCalls = told.calls - before.calls;
    const answerMs = newCalls > 0 ? `${Math.round(((told.seconds - before.seconds) / newCalls) * 1_000)} ms` : '–';
    const line = [
      `events/s ${rate(events, before.events)}`,
      `waiting ${now.waiting}`,
      `reports/s ${rate(told.reports, before.reports)}`,
      `regulator ${answerMs}`,
      `sessions ${now.sessions}`,
      `subscriber lag ${lag.statuses.lagMs ?? '–'} ms`,
      ...(city.phase === 'running'
        ? []
        : [`city ${city.phase}${city.phase === 'binding' ? `, ids ${city.bindings?.bound ?? 0}` : ''}`]),
    ].join(' · ');
    before = { atMs, events, ...told };
    return line;
  };
}

/** The service's own counts, from its metrics: reports, calls that carried them, and the seconds those took. */
async function readReportCalls(metricsUrl: string): Promise<{ reports: number; calls: number; seconds: number }> {
  const text = await (await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) })).text();
  const sum = (metric: string, labels: string) =>
    [...text.matchAll(new RegExp(`^deptrans_${metric}\\{${labels}\\} (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  const calls = 'call="(?:report|report_batch)"[^}]*';
  return {
    reports: sum('delivery_reports_total', '[^}]*'),
    calls: sum('regulator_seconds_count', calls),
    seconds: sum('regulator_seconds_sum', calls),
  };
}
