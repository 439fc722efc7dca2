import { expect, test, vi } from 'vitest';
import { expectExact, openScenario } from '../support/scenario.ts';

const LEASES = `
  select 'account ' || deptrans_id as lease from deptrans.reports where lease_token is not null
  union all select 'leader ' || name from deptrans.leaders where expires_at > deptrans.now()
  union all select 'login' from deptrans.regulator_tokens where login_until > deptrans.now()`;

test('told to stop with calls under way, the service ends them, leaves no lease, and another goes on where it was', async () => {
  await using scenario = await openScenario({ people: 300, rate: 200 });
  const { simulator, startService, query } = scenario;
  const { regulator } = simulator;
  const first = await startService();
  await simulator.city.start();
  for (let i = 0; i < 3; i += 1) {
    const service = i === 0 ? first : await startService();
    regulator.faults.add({ kind: 'latency', ms: 400, calls: ['status', 'batch'], forMs: 60_000 });
    const leased = () => query('select from deptrans.reports where lease_token is not null and target is not null');
    await vi.waitFor(async () => expect(await leased()).not.toEqual([]), { timeout: 120_000, interval: 5 });
    expect(await service.stop()).toBe(0);
    expect(await query(LEASES)).toEqual([]);
    expect(await query('select from deptrans.reports where target is not null and doubt')).toEqual([]);
  }
  await startService();
  expectExact(await scenario.rest());
}, 600_000);
