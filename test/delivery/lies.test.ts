import { sql } from 'kysely';
import { expect } from 'vitest';
import { inTown } from '../traps/town.ts';

const MINUTE = 60_000;

for (const word of ['noZone', 'farEnd', 'pastEnd', 'futureStart', 'anotherDriver', 'anotherSession']) {
  inTown(`a regulator that lies about shifts (${word}) gets one shift, and it is closed`, async (town) => {
    town.regulator.faults.add({ kind: 'lie', word });
    await town.profiles({ 'p/1': 'ann' });
    await town.bind('p/1', '7');
    await town.on('p/1 online');
    await town.pass(10 * MINUTE, 2 * MINUTE);
    expect(town.isOpen('7')).toBe(true);
    await town.on('p/1 offline');
    await town.pass(10 * MINUTE, 2 * MINUTE);
    // While all that it says is of somebody else, nothing can be known of this driver: no report, until it says something.
    expect(town.isOpen('7')).toBe(word === 'anotherDriver');
    town.regulator.faults.clear();
    await town.pass(30 * MINUTE, 5 * MINUTE);
    expect(town.history('7')).toEqual(['opened', 'closed']);
    expect(await town.account('7')).toMatchObject({ believed: false, doubt: false });
    expect(await town.queue()).toEqual([]);
  });
}

inTown('a word that nobody knows is kept as it is, and the shift counts as open', async (town) => {
  town.regulator.faults.add({ kind: 'unknownWord', word: 'ON_BREAK', count: 1 });
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.on('p/1 online');
  expect(await town.session('ann')).toMatchObject({ session_status: 'unrecognised', session_status_raw: 'ON_BREAK' });
  await town.on('p/1 offline');
  expect(town.history('7')).toEqual(['opened', 'closed']);
});

inTown(
  'positions of yesterday and of tomorrow say nothing, are counted, and an older one changes no newer one',
  async (town) => {
    await town.profiles({ 'p/1': 'ann', 'p/2': 'bob' });
    await town.bind('p/1', '7');
    await town.bind('p/2', '8');
    const point = { lon: 37.6, lat: 55.75 };
    town.places.put('p/1', point, 24 * 60 * MINUTE);
    town.places.put('p/2', point, -60 * MINUTE);
    await town.on('p/1 online', 'p/2 online');
    expect([town.told('7'), town.told('8')]).toEqual([[], []]);
    expect(await town.ends()).toEqual({ 'pending no_position': 2 });
    const { values } = await town.metrics.registry.getSingleMetric('deptrans_oddities_total')!.get();
    const counted = Object.fromEntries(values.map(({ labels, value }) => [labels['what'], value]));
    expect(counted).toMatchObject({ old: 1, in_future: 1 });
    town.places.put('p/1', point);
    town.places.put('p/2', point);
    await town.pass(MINUTE);
    expect([town.told('7'), town.told('8')]).toEqual([[true], [true]]);
    const { rows } = await sql`select 1 from deptrans.status_queue`.execute(town.db);
    expect(rows).toEqual([]);
  },
);
