import { sql } from 'kysely';
import { expect } from 'vitest';
import { batchOf } from '../intake/support.ts';
import { inTown, type Town } from './town.ts';

/** Takes events of the topic one by one, `online 10` with the time in seconds, in the order of their offsets. */
async function take(town: Town, texts: string[], generation = 1) {
  for (const [offset, text] of texts.entries()) {
    const place = { generation, topicId: `topic ${generation}` };
    await town.intake.takeBatch(batchOf(offset, [`p/1 ${text}`], place));
  }
  await town.delivery.runOnce();
}

const status = async ({ db }: Town) => {
  const { rows } = await sql<{ status: string }>`select status from deptrans.driver_states`.execute(db);
  return rows.map((row) => row.status);
};

const known = async (town: Town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
};

inTown('T21: an older event that comes later changes nothing and is counted', async (town) => {
  await known(town);
  await take(town, ['online 10', 'offline 30', 'online 20']);
  expect(await status(town)).toEqual(['offline']);
  expect(town.isOpen('7')).not.toBe(true);
  expect(await town.ends()).toMatchObject({ outdated: 1 });
});

inTown('T21: a late off line does not end what came after it', async (town) => {
  await known(town);
  await take(town, ['online 10', 'online 30', 'offline 20']);
  expect(town.history('7')).toEqual(['opened']);
  expect(await town.ends()).toMatchObject({ outdated: 1, sent: 1 });
});

inTown('T21: of two events at one moment the one further on in the topic holds', async (town) => {
  await known(town);
  await take(town, ['online 10', 'offline 10']);
  expect(await status(town)).toEqual(['offline']);
});

inTown('T21: an event that comes twice counts as a duplicate', async (town) => {
  await known(town);
  await take(town, ['online 10', 'online 10', 'online 10']);
  expect(await town.ends()).toMatchObject({ duplicate: 2, sent: 1 });
});

inTown('T21: in a topic that was made anew offsets begin again, and times still decide', async (town) => {
  await known(town);
  await take(town, ['online 10', 'busy 20', 'online 30']);
  await take(town, ['offline 25', 'offline 40'], 2);
  expect(town.history('7')).toEqual(['opened', 'closed']);
  expect(await town.ends()).toMatchObject({ outdated: 1 });
});
