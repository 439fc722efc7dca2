import { setTimeout as pause } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { expectExact, openScenario } from '../support/scenario.ts';

const outageMs = 60_000;
const probeMs = 2_000;

test('the regulator is down for a minute: events wait, it is asked now and then, and in the end it knows everything in order', async () => {
  await using scenario = await openScenario({ people: 300, rate: 60 });
  const { simulator, figures, serviceUrl, startService } = scenario;
  const { availability, calls } = simulator.regulator;
  const service = await startService({ DEPTRANS_DELIVERY_PROBE_MS: String(probeMs) });
  await simulator.city.start();
  await vi.waitFor(() => expect(calls.answers['accepted']).toBeGreaterThan(50), { timeout: 60_000 });

  await availability.set('refused', outageMs);
  const total = calls.total;
  const noted = () => scenario.query('select from deptrans.gate where open_since is not null');
  await vi.waitFor(async () => expect(await noted()).toHaveLength(1), { timeout: 60_000 });
  const before = { asked: await countAsked(service.metricsUrl), ...(await figures.read()) };
  await pause(outageMs / 2);
  const asked = (await countAsked(service.metricsUrl)) - before.asked;
  const { waiting } = await figures.read();
  expect(availability.mode).toBe('refused');
  expect(calls.total).toBe(total);
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThanOrEqual(outageMs / 2 / probeMs + 1);
  expect(waiting).toBeGreaterThan(before.waiting);
  expect((await fetch(`${serviceUrl}/readyz`)).status).toBe(200);

  await vi.waitFor(() => expect(availability.mode).toBe('up'), { timeout: outageMs });
  const rest = await scenario.rest();
  expectExact(rest);
  expect(rest.figures.parked).toBe(0);
}, 240_000);

/** How often delivery has asked the regulator, answered or not, by the service's own count. */
async function countAsked(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const counts = text.matchAll(/^deptrans_regulator_seconds_count\{call="(?:report|session)[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
