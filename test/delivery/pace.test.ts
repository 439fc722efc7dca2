import { expect, test } from 'vitest';
import { openPaceWorld, type PaceWorld } from './pace-world.ts';

/** What was used of a limit between two moments, and how much of all calls was turned away. */
function judge(world: PaceWorld, limit: number, fromMs: number, toMs: number) {
  const within = world.calls.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const accepted = within.filter(({ outcome }) => outcome === 'accepted').length;
  const throttled = within.filter(({ outcome }) => outcome === 'throttled').length;
  return { used: accepted / (limit * ((toMs - fromMs) / 1_000)), throttled: throttled / within.length };
}

test('G12: three instances find and hold a hidden limit of 40, 10 and 80 calls a second', async () => {
  await using world = await openPaceWorld();
  for (let i = 0; i < 3; i++) world.addInstance();
  for (const limit of [40, 10, 80]) {
    const from = world.nowMs();
    world.regulator.limit = limit;
    await world.pass(60_000);
    const found = judge(world, limit, from + 20_000, from + 60_000);
    expect.soft(found.used, `used of ${limit}`).toBeGreaterThanOrEqual(0.85);
    expect.soft(found.throttled, `throttled at ${limit}`).toBeLessThan(0.02);
  }
}, 900_000);
