import { expect, vi } from 'vitest';
import { inTown, type Town } from './town.ts';

/** Starts a report of ann's CONNECTED and resolves when it is under way: it ends when it is told to. */
async function whileCalling(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  const release = town.hold('report');
  await town.events(['p/1 online']);
  const calling = town.delivery.runOnce();
  await vi.waitFor(() => expect(town.told('7')).toEqual([true]), { timeout: 60_000, interval: 5 });
  return () => {
    release();
    return calling;
  };
}

inTown('T2: a status that comes during the call stays in the queue and is sent next', async (town) => {
  const end = await whileCalling(town);
  await town.events(['p/1 offline']);
  await end();
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true, false]);
  expect(await town.queue()).toEqual([]);
  expect((await town.ends())['sent']).toBe(1); // the first was overtaken in the queue
  expect((await town.ends())['merged']).toBe(1);
});

inTown('T2: a status that another instance hands over during the call makes the account look again', async (town) => {
  await using other = town.open('other');
  const end = await whileCalling(town);
  await town.events(['p/1 offline']);
  expect(await other.runOnce()).toBe(0); // routed; the account is leased
  expect(await town.queue()).toMatchObject([{ due_at: null, status: 'offline' }]);
  await end();
  await town.delivery.runOnce();
  expect(town.told('7')).toEqual([true, false]);
  expect(await town.queue()).toEqual([]);
});
