import { expect, test, vi } from 'vitest';
import { expectExact, openScenario } from '../support/scenario.ts';

const probeMs = 2_000;
const probes = 10;
/** How much later than it was asked, or how much earlier than the next one is, a busy machine may count a probe. */
const slackMs = 10_000;
const patience = { timeout: 300_000, interval: 500 };

test('the regulator is down: events wait, it is asked now and then, and in the end it knows everything in order', async () => {
  await using scenario = await openScenario({ people: 300, rate: 60 });
  const { simulator, figures, query, serviceUrl, startService } = scenario;
  const { availability, calls } = simulator.regulator;
  const service = await startService({ DEPTRANS_DELIVERY_PROBE_MS: String(probeMs) });
  await simulator.city.start();
  await vi.waitFor(() => expect(calls.answers['accepted']).toBeGreaterThan(50), patience);

  await availability.set('refused');
  const total = calls.total;
  const noted = () => query('select from deptrans.gate where open_since is not null');
  await vi.waitFor(async () => expect(await noted()).toHaveLength(1), patience);
  // What was under way when the outage was noted is no probe; a probe holds one lease itself.
  const underWay = () => query('select from deptrans.reports where lease_token is not null');
  await vi.waitFor(async () => expect((await underWay()).length).toBeLessThanOrEqual(1), patience);
  const beganMs = performance.now();
  const before = await countAsked(service.metricsUrl);
  let asked = 0;
  await vi.waitFor(async () => {
    asked = (await countAsked(service.metricsUrl)) - before;
    expect(asked).toBeGreaterThanOrEqual(probes);
  }, patience);
  expect(asked).toBeLessThanOrEqual((performance.now() - beganMs + slackMs) / probeMs + 1);
  expect(calls.total).toBe(total);
  await vi.waitFor(async () => expect((await figures.read()).waiting).toBeGreaterThan(50), patience);
  expect((await fetch(`${serviceUrl}/readyz`)).status).toBe(200);

  await availability.set('up');
  const rest = await scenario.rest();
  expectExact(rest);
  expect(rest.figures.parked).toBe(0);
}, 600_000);

/** How often delivery has asked the regulator, answered or not, by the service's own count. */
async function countAsked(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const counts = text.matchAll(/^deptrans_regulator_seconds_count\{call="(?:report|session)[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
