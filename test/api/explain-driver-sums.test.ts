import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { readBalance } from '../../src/store/balance.ts';
import { INSIDE, OUTSIDE } from '../support/delivery-world.ts';
import { openExplainWorld } from '../support/explain-world.ts';

const PEOPLE = 12;
const ROUNDS = 8;

/** Outcomes of single events that the explanations tell, in the balance's words. Of those that changed nothing only the last of a profile is told. */
const COUNTED = ['sent', 'merged', 'filtered', 'expired', 'pending', 'parked'] as const;

test.each([1, 14])(
  'what is told of all events of all drivers sums up to the balance, but for what is said to be not recorded (seed %i)',
  async (seed) => {
    await using world = await openExplainWorld({ limits: { failuresToShut: 1_000 } });
    const random = openRandom(seed);
    const profiles: string[] = [];
    for (let i = 0; i < PEOPLE; i++) {
      // Every third person drives for two parks, every sixth has no id.
      const its = i % 3 === 0 ? [`p/${i}`, `q/${i}`] : [`p/${i}`];
      for (const profile of its) {
        await world.person(`person ${i}`, profile);
        world.place(profile, random.chance(0.7) ? INSIDE : OUTSIDE);
      }
      profiles.push(...its);
      if (i % 6 !== 0) await world.setId(`p/${i}`, String(9_000_000_000 + i));
      if (i % 5 === 4) world.regulator.registry.block(String(9_000_000_000 + i), Number.POSITIVE_INFINITY);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const profile of profiles) {
        if (random.chance(0.3)) continue;
        const at = world.now().getTime() - (random.chance(0.1) ? 25 * 3_600_000 : 0);
        const events = Array.from({ length: 1 + random.int(2) }, (_, i) => {
          const status = random.pick(['online', 'offline', 'busy', 'offline'] as const);
          return [status, new Date(at + i)] as [typeof status, Date];
        });
        await world.take(profile, ...events);
      }
      if (round === 4) await world.regulator.availability.set('refused');
      if (round < ROUNDS - 1) await world.delivery.runOnce();
      if (round === 4) await world.regulator.availability.set('up');
      await world.advance(90_000);
    }

    const told: Record<string, number> = {};
    for (const profile of profiles) {
      const { events } = await world.explain(profile);
      for (const { outcome } of events) told[outcome] = (told[outcome] ?? 0) + 1;
    }
    const { ended, waiting, difference } = await readBalance(world.db);
    expect(difference).toBe(0);
    const counted: Record<string, number> = {};
    for (const { outcome, n } of ended) counted[outcome] = (counted[outcome] ?? 0) + n;
    for (const { parked, n } of waiting)
      counted[parked ? 'parked' : 'pending'] = (counted[parked ? 'parked' : 'pending'] ?? 0) + n;
    let missing = 0;
    for (const outcome of COUNTED) {
      const lost = (counted[outcome] ?? 0) - (told[outcome] ?? 0);
      expect(lost, outcome).toBeGreaterThanOrEqual(0);
      missing += lost;
    }
    expect(counted['sent']).toBeGreaterThan(4);
    expect(counted['merged']).toBeGreaterThan(2);
    expect(missing).toBeLessThanOrEqual(told[''] ?? 0);
  },
);
