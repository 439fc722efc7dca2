import { expect } from 'vitest';
import { inTown, type Town } from './town.ts';

const HOUR = 3_600_000;

/** Ann came on line, and then the regulator was away for 25 hours; she took an order five hours ago. */
async function dayLater(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.regulator.availability.set('refused');
  await town.on('p/1 online');
  await town.advance(20 * HOUR);
  await town.events(['p/1 busy']);
  await town.advance(5 * HOUR);
  await town.regulator.availability.set('up');
}

inTown(
  'T23: after the longest age the current truth is sent with its own time, and the old entry is recorded as expired',
  async (town) => {
    await dayLater(town);
    await town.delivery.runOnce();
    const [report, ...more] = town.regulator.calls.of('7').filter(({ kind }) => kind === 'status');
    expect(more).toEqual([]);
    expect(town.history('7')).toEqual(['opened']);
    expect(report!.receivedAtMs - report!.occurredAtMs!).toBeLessThan(60_000);
    expect(await town.ends()).toEqual({ expired: 1, no_change: 1 });
  },
);

inTown('T23: a status that is no longer true is not sent at all', async (town) => {
  await dayLater(town);
  await town.on('p/1 offline');
  expect(town.told('7')).toEqual([]);
});

inTown('T23: within the longest age a report tells when it happened', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.events(['p/1 online'], { agoMs: 23 * HOUR });
  await town.delivery.runOnce();
  const [report] = town.regulator.calls.of('7').filter(({ kind }) => kind === 'status');
  const ageMs = report!.receivedAtMs - report!.occurredAtMs!;
  expect(Math.round(ageMs / HOUR)).toBe(23);
  expect(await town.ends()).toEqual({ sent: 1 });
});
