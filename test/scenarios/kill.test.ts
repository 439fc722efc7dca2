import { expect, test, vi } from 'vitest';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { expectExact, openScenario, type Scenario } from '../support/scenario.ts';

const events = 20_000;
const kills = 5;
/** Whoever is killed is soon not waited for any more. */
const settings = { DEPTRANS_INTAKE_SESSION_TIMEOUT_MS: '2000', DEPTRANS_MIRROR_LEASE_MS: '2000' };
const patience = { timeout: 120_000, interval: 2 };

test('killed five times in 20,000 events, each time with a report under way: nobody differs, nothing is out of order', async () => {
  await using postgres = await startPostgres();
  await using scenario = await openScenario({ people: 800, rate: 800, weather: true, databaseUrl: postgres.url });
  const { simulator, startService } = scenario;
  let service = await startService(settings);
  const started = simulator.city.start();
  for (let kill = 1; kill <= kills; kill += 1) {
    await untilProduced(scenario, (events * kill) / (kills + 1));
    await untilBusy(scenario);
    await service.kill();
    service = await startService(settings);
  }
  await started;
  await untilProduced(scenario, events);
  const rest = await scenario.rest();
  expectExact(rest);
  expect(rest.figures.balance['taken']).toBeGreaterThanOrEqual(events);
  const lookUps = simulator.regulator.calls.all().filter(({ kind }) => kind === 'session');
  expect(lookUps.length).toBeGreaterThanOrEqual(kills);
}, 600_000);

async function untilProduced({ simulator }: Scenario, messages: number): Promise<void> {
  await vi.waitFor(() => expect(simulator.city.state().produced.messages).toBeGreaterThanOrEqual(messages), patience);
}

/** Waits until the service has taken events since its start, and then until a report is at the regulator, not answered yet. */
async function untilBusy({ simulator, figures }: Scenario): Promise<void> {
  const { calls } = simulator.regulator;
  const before = calls.total;
  const { taken = 0 } = (await figures.read()).balance;
  await vi.waitFor(async () => expect((await figures.read()).balance['taken']).toBeGreaterThan(taken), {
    ...patience,
    interval: 50,
  });
  const underWay = () =>
    calls
      .all()
      .slice(-50)
      .filter(({ no, connected, answeredAtMs }) => no > before && connected !== null && answeredAtMs === null);
  await vi.waitFor(() => expect(underWay()).not.toEqual([]), patience);
}
