import { expect, vi } from 'vitest';
import { openMirror } from '../../src/mirror/mirror.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openClients } from '../mirror/support.ts';
import { inTown, type Town } from './town.ts';

const PATIENCE = { timeout: 60_000, interval: 20 };

/** A mirror as it starts in a new process. */
function startMirror(town: Town) {
  const clients = openClients(town.neighbours);
  const mirror = openMirror({
    db: town.db,
    ...clients,
    limits: { pollMs: 20, pageLimit: 100, maxAgeMs: 86_400_000, leaseMs: 60_000 },
    instance: 'restarted',
    lifetime: openLifetime(),
    clock: systemClock,
    log: openLog('silent'),
    metrics: openMetrics(systemClock),
  });
  return {
    ready: () => mirror.ready(),
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await clients[Symbol.asyncDispose]();
    },
  };
}

const setNeighbours = async ({ neighbours }: Town, mode: 'up' | 'refused') => {
  for (const { availability } of Object.values(neighbours.switches)) await availability.set(mode);
};

inTown(
  'T22: a restart without driver-profiles and driver-categories-api is ready and reports by what is known',
  async (town) => {
    await town.profiles({ 'p/1': 'ann', 'q/1': 'bob' });
    await town.bind('p/1', '7');
    await town.bind('q/1', '8');
    await town.tariffs('q/1', ['cargo']);
    await setNeighbours(town, 'refused');
    await using mirror = startMirror(town);
    await vi.waitFor(() => expect(mirror.ready()).toBeNull(), PATIENCE);
    await using restarted = town.open('restarted');
    await town.events(['p/1 online', 'q/1 online']);
    await restarted.runOnce();
    expect(town.history('7')).toEqual(['opened']);
    expect(await town.ends()).toEqual({ sent: 1, 'filtered tariff': 1 });
  },
);

inTown('T22: only the very first start needs them, and says so', async (town) => {
  await setNeighbours(town, 'refused');
  await town.db.deleteFrom('deptrans.mirror_streams').execute();
  await town.db.deleteFrom('deptrans.leaders').execute();
  await using mirror = startMirror(town);
  await vi.waitFor(() => expect(mirror.ready()).toBe('The first load of driver-profiles has not ended.'), PATIENCE);
  await setNeighbours(town, 'up');
  await vi.waitFor(() => expect(mirror.ready()).toBeNull(), PATIENCE);
});
