import { sql } from 'kysely';
import { expect } from 'vitest';
import { inTown, type Town } from './town.ts';

type Line = {
  kind: string;
  direction: string | null;
  outcome: string | null;
  region: string | null;
  person: string | null;
  happened_at: Date | null;
  received_at: Date | null;
  sent_at: Date | null;
  answered_at: Date | null;
  account: Buffer | null;
};

async function journal({ db }: Town): Promise<Line[]> {
  const { rows } =
    await sql<Line>`select kind, direction, outcome, region, driver_license_pd_id as person, happened_at, received_at,
    sent_at, answered_at, account from deptrans.journal order by at, happened_at`.execute(db);
  return rows;
}

const transitions = async (town: Town) => (await journal(town)).filter(({ kind }) => kind === 'transition');

inTown('T3: a break during an outage is in the journal, though only the level is sent', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.on('p/1 online');
  await town.regulator.availability.set('refused');
  await town.on('p/1 offline');
  await town.advance(600_000);
  await town.on('p/1 online');
  await town.regulator.availability.set('up');
  await town.advance(61_000);
  await town.delivery.runOnce();

  expect(town.told('7')).toEqual([true]);
  const written = await transitions(town);
  expect(written.map(({ direction }) => direction)).toEqual(['connected', 'disconnected', 'connected']);
  expect(written.every(({ person }) => person === 'ann')).toBe(true);
  expect(written[2]!.happened_at!.getTime() - written[1]!.happened_at!.getTime()).toBeGreaterThanOrEqual(600_000);
  expect(await town.queue()).toEqual([]);
});

inTown('T3: a break within one batch is in the journal too, with the time of each event', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.events(['p/1 online'], { agoMs: 3_000 });
  await town.events(['p/1 offline', 'p/1 online', 'p/1 busy', 'p/1 offline', 'p/1 online']);
  const written = await transitions(town);
  expect(written.map(({ direction }) => direction)).toEqual([
    'connected',
    'disconnected',
    'connected',
    'disconnected',
    'connected',
  ]);
  const times = written.map(({ happened_at }) => happened_at!.getTime());
  expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
  expect(written.every(({ received_at }) => received_at !== null)).toBe(true);
});

inTown('T3: every exchange is in the journal with its outcome and times, and no id is', async (town) => {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '4711');
  await town.on('p/1 online');
  const lines = (await journal(town)).filter(({ account }) => account !== null);
  expect(lines.map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['binding', 'bound'],
    ['intent', null],
    ['outcome', 'accepted'],
  ]);
  expect(lines[2]).toMatchObject({ direction: 'connected', region: 'moscow', person: 'ann' });
  expect(lines[2]!.answered_at! >= lines[2]!.sent_at!).toBe(true);
  const { rows } = await sql<{ line: string }>`select j::text as line from deptrans.journal j`.execute(town.db);
  expect(rows.filter(({ line }) => line.includes('4711'))).toEqual([]);
});
