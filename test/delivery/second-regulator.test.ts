import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { openSecondAdapter } from '../regulator/second/adapter.ts';
import { openSecondCity, type Trouble } from '../regulator/second/city.ts';
import { INSIDE, limits, openDeliveryWorld } from '../support/delivery-world.ts';

const PEOPLE = 40;
const ROUNDS = 12;
const TROUBLES: readonly Trouble[] = ['wait', 'failed', 'garbled', 'reset'];
const MINUTE = 60_000;

test('delivery keeps another regulator to the truth: forms, numbered events, no batches, no reading of shifts', async () => {
  await using city = await openSecondCity();
  await using adapter = openSecondAdapter({ ...city, deadlineMs: limits.deadlineMs });
  await using world = await openDeliveryWorld({
    adapter,
    limits: { canReadSession: false, ordersByOccurredAt: true, failuresToShut: 1_000 },
  });
  const random = openRandom('second regulator');
  const connected = new Map<string, boolean>();
  const people = Array.from({ length: PEOPLE }, (_, i) => ({ id: String(100 + i), profile: `p/${i}` }));
  for (const { id, profile } of people) {
    city.put(id, `licence of person ${id}`);
    await world.person(`person ${id}`, profile);
    await world.bind(`person ${id}`, id);
    world.place(profile, INSIDE);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { id, profile } of people) {
      if (random.chance(0.5)) continue;
      const status = random.pick(['online', 'busy', 'offline'] as const);
      await world.event(profile, status);
      connected.set(id, status !== 'offline');
    }
    for (let i = 0; i < 5; i++) city.trouble.push(random.pick(TROUBLES));
    await world.delivery.runOnce();
    await world.advance(random.int(MINUTE));
  }
  city.trouble.length = 0;
  await expect
    .poll(
      async () => {
        await world.advance(MINUTE);
        await world.delivery.runOnce();
        const held = await world.db
          .selectFrom('deptrans.reports')
          .select('deptrans_id')
          .where('doubt', '=', true)
          .execute();
        return [(await world.queue()).length, held.length];
      },
      { timeout: 60_000, interval: 1 },
    )
    .toEqual([0, 0]);
  const told = Object.fromEntries(people.map(({ id }) => [id, city.isOnline(id)]));
  expect(told).toEqual(Object.fromEntries(people.map(({ id }) => [id, connected.get(id) ?? false])));
  // No report came after a newer one of its driver, and many of every kind came.
  expect(city.answered.get('OLD')).toBeUndefined();
  expect(city.answered.get('OK')).toBeGreaterThan(PEOPLE);
  expect(city.answered.get('SAME')).toBeGreaterThan(0);
});
