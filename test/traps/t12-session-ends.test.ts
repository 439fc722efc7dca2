import { sql } from 'kysely';
import { expect } from 'vitest';
import { judge } from '../../src/domain/verdict.ts';
import { inTown, type Town } from './town.ts';

const MINUTE = 60_000;

async function connected(town: Town) {
  await town.profiles({ 'p/1': 'ann' });
  await town.bind('p/1', '7');
  await town.on('p/1 online');
}

/** The last number of the feed that names a session. */
const lastPublished = async ({ db }: Town) => {
  const { rows } = await sql<{ seq: number }>`select coalesce(max(seq), 0)::bigint as seq from deptrans.feed_log
    where sessions <> '{}'`.execute(db);
  return rows[0]!.seq;
};

const readings = (town: Town) => town.regulator.calls.of('7').filter(({ kind }) => kind === 'session').length;

inTown(
  'T12: a session is read again when its end has passed, and the change is published, without an event',
  async (town) => {
    await connected(town);
    const before = await lastPublished(town);
    await town.advance(50 * MINUTE);
    await town.delivery.runOnce();
    expect((await town.session('ann'))!.session_status).toBe('online');
    for (let i = 0; i < 5; i++) {
      await town.advance(5 * MINUTE);
      await town.delivery.runOnce();
    }
    expect(readings(town)).toBeGreaterThanOrEqual(1);
    expect(readings(town)).toBeLessThanOrEqual(4); // its end is an estimate that moves, and is not watched all the time
    expect((await town.session('ann'))!.session_status).toMatch(/finished|finalized/);
    expect(await lastPublished(town)).toBeGreaterThan(before);
    expect(town.told('7')).toEqual([true]); // over, and no new one without a break
  },
  { settings: { shiftMs: 60 * MINUTE } },
);

inTown(
  'T12: an end that moved, since hours count across services, is noticed at spare rate and published',
  async (town) => {
    await connected(town);
    const before = await lastPublished(town);
    await town.advance(10 * MINUTE);
    town.regulator.registry.endShift('7', town.now());
    await town.delivery.runOnce();
    expect((await town.session('ann'))!.session_status).toBe('online');
    await town.advance(6 * MINUTE);
    await town.delivery.runOnce();
    expect((await town.session('ann'))!.session_status).toMatch(/finished|finalized/);
    expect(await lastPublished(town)).toBeGreaterThan(before);
  },
  { limits: { refreshMs: 15 * MINUTE } },
);

inTown('T12: until then a consumer compares the end with its own clock', async (town) => {
  await connected(town);
  const session = (await town.session('ann'))!;
  const endedAt = session.ended_at!.getTime();
  const facts = {
    person: true,
    binding: { state: 'bound' as const, updatedAt: 0 },
    session: { status: 'online' as const, updatedAt: session.updated_at.getTime(), endedAt, region: 'moscow' },
  };
  const regions = new Map([['moscow', { id: 'moscow', on: true, tariffs: ['econom'] }]]);
  const at = (ms: number) => judge(facts, { region: null, listed: () => true }, regions, true, ms)[1];
  expect(at(endedAt - 1)).toMatchObject({ outcome: 'pass', until: endedAt });
  expect(at(endedAt)).toMatchObject({ outcome: 'fail', reason: 'session_ended', since: endedAt });
});
