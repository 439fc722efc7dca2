import { sql } from 'kysely';
import { expect } from 'vitest';
import { judge, timesOf } from '../../verdict/verdict.ts';
import { observing } from '../support/policy.ts';
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

const session = async (town: Town) => (await town.session('ann'))!.session_status;

inTown(
  'T12: a shift that is issued and not on yet is read again some seconds later, then ever more rarely, after the reports',
  async (town) => {
    await connected(town);
    expect(await session(town)).toBe('issued');
    await town.advance(4_000);
    await town.delivery.runOnce();
    expect(readings(town)).toBe(0);
    const counted: number[] = [];
    for (const minutes of [4, 5, 30]) {
      for (let at = 0; at < minutes * MINUTE; at += minutes * 1_500) {
        await town.advance(minutes * 1_500);
        await town.delivery.runOnce();
      }
      counted.push(readings(town));
    }
    // 20, 40, 80, 160 s, …, and at last each 15 minutes.
    expect(counted[0]).toBeGreaterThanOrEqual(3);
    expect(counted[0]).toBeLessThanOrEqual(5);
    expect(counted[2]).toBeLessThanOrEqual(12);
    expect(await session(town)).toBe('issued');
    town.regulator.settings.issuedForMs = 0;
    await town.profiles({ 'p/2': 'bob' });
    await town.bind('p/2', '8');
    await town.advance(15 * MINUTE);
    await town.on('p/2 online');
    expect(await session(town)).toBe('online');
    const calls = town.regulator.calls.all().map(({ kind, driverId }) => `${kind} ${driverId}`);
    expect(calls.slice(-2)).toEqual(['status 8', 'session 7']);
    const before = readings(town);
    await town.pass(14 * MINUTE, 7 * MINUTE);
    expect(readings(town)).toBe(before); // it is on: there is no hurry any more
  },
  {
    limits: { refreshMs: 15 * MINUTE, issuedReadMs: 20_000 },
    settings: { issuedShare: 1, issuedForMs: 600 * MINUTE },
  },
);

inTown(
  'T12: a report that is accepted with nothing said of the shift is followed by a reading',
  async (town) => {
    town.regulator.faults.add({
      kind: 'body',
      calls: ['status'],
      count: 1,
      body: '{"session":null}',
      contentType: 'application/json',
    });
    await connected(town);
    expect(await town.session('ann')).toBeUndefined();
    await town.advance(6_000);
    await town.delivery.runOnce();
    expect(await session(town)).toBe('online');
    expect(readings(town)).toBe(1);
  },
  { limits: { issuedReadMs: 5_000 }, settings: { issuedShare: 0 } },
);

inTown(
  'T12: a regulator that cannot be read is not read',
  async (town) => {
    await connected(town);
    await town.pass(40 * MINUTE, 10 * MINUTE);
    expect(readings(town)).toBe(0);
    expect(await session(town)).toBe('issued');
  },
  {
    limits: { refreshMs: 15 * MINUTE, issuedReadMs: 5_000, canReadSession: false },
    settings: { issuedShare: 1, issuedForMs: 600 * MINUTE, canReadSession: false },
  },
);

inTown('T12: until then a consumer compares the end with its own clock', async (town) => {
  await connected(town);
  const session = (await town.session('ann'))!;
  const endedAt = session.ended_at!.getTime();
  const facts = {
    parkId: 'p',
    hasPerson: true,
    person: 'ann',
    share: 0,
    binding: 'bound' as const,
    bindingUpdatedAt: 0,
    session: 'online' as const,
    sessionUpdatedAt: session.updated_at.getTime(),
    sessionEndedAt: endedAt,
    region: 'moscow',
  };
  const { compiled } = observing([{ id: 'moscow', on: true, tariffs: ['econom'] }]);
  const at = (ms: number) => {
    const verdict = judge(facts, {}, compiled, ms, 0).session;
    return { ...verdict, ...timesOf(verdict, facts) };
  };
  expect(at(endedAt - 1)).toMatchObject({ outcome: 'pass', until: endedAt });
  expect(at(endedAt)).toMatchObject({ outcome: 'fail', reason: 'session_ended', since: endedAt });
});
