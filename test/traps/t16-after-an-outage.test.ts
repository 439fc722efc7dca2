import { expect, vi } from 'vitest';
import { inTown, type Town } from './town.ts';

const RATE = 40;
const PEOPLE = 60;
const SUPERSEDED = [5, 15, 25, 35, 45, 55];

/** People who came on line one after the other between two probes of a regulator that is away; some went off again. */
async function outage(town: Town) {
  const people = Array.from({ length: PEOPLE }, (_, i) => i + 1);
  await town.profiles(Object.fromEntries(people.map((i) => [`p/${i}`, `person ${i}`])));
  for (const i of people) await town.bind(`p/${i}`, `${i}`);
  await town.delivery.runOnce();
  await town.regulator.availability.set('refused');
  await town.on('p/1 online');
  for (const i of people.slice(1)) {
    await town.advance(500);
    await town.on(`p/${i} online`);
  }
  for (const i of SUPERSEDED) await town.on(`p/${i} offline`);
}

inTown(
  'T16: after an outage the freshest go first with a share for the oldest, what is superseded is never sent, and the rate is held',
  async (town) => {
    await outage(town);
    const { open_since } = await town.db.selectFrom('deptrans.gate').selectAll().executeTakeFirstOrThrow();
    expect(open_since).not.toBeNull();
    await town.regulator.availability.set('up');
    await town.advance(61_000);
    town.delivery.start();
    await vi.waitFor(async () => expect(await town.queue()).toEqual([]), { timeout: 60_000, interval: 100 });

    const calls = town.regulator.calls.all().filter(({ kind }) => kind === 'status');
    const order = calls.map(({ driverId }) => Number(driverId));
    expect(order).toHaveLength(PEOPLE - SUPERSEDED.length);
    expect(order.filter((id) => SUPERSEDED.includes(id))).toEqual([]);
    const first = order.slice(0, 20);
    expect(first.filter((id) => id > PEOPLE - 20).length).toBeGreaterThanOrEqual(10);
    expect(first.filter((id) => id <= 10).length).toBeGreaterThanOrEqual(2);

    const times = calls.map(({ receivedAtMs }) => receivedAtMs);
    const inFirstSecond = times.filter((at) => at < times[0]! + 1_000).length;
    expect(inFirstSecond).toBeLessThanOrEqual(1.5 * RATE);
  },
  { limits: { maxRate: RATE, startRate: RATE, maxInFlight: 10, batch: 10, failuresToShut: 1 } },
);
