import { expect, test, vi } from 'vitest';
import { VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { expectExact, openTestCache, plainCopy } from '../consumer/support.ts';
import { openTestDatabase } from '../support/database.ts';
import { openCable } from '../support/feed/cable.ts';
import { addPeople, setBindings, setSessions } from '../support/feed/world.ts';
import { freePort } from '../support/free-port.ts';
import { openWholeService } from '../support/whole-service.ts';

const PATIENCE = { timeout: 120_000, interval: 20 };
const MAX_DATA_AGE_MS = 60_000;
const STEP_MS = 10_000;
const STEPS = 60;
const TOO_OLD = 'unknown data_too_old';

test('database gone for ten minutes, then the service for ten, by a clock that is moved on: copies are kept, their age grows, checks turn UNKNOWN and allow', async () => {
  let aheadMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    monotonic: () => systemClock.monotonic() + aheadMs,
  };
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 200);
  await setSessions(db, people);
  await setBindings(db, people);
  await using cable = await openCable(Number(new URL(database.url).port));
  const through = new URL(database.url);
  through.port = String(cable.port);
  const options = { maxDataAgeMs: MAX_DATA_AGE_MS, port: await freePort(), clock };
  await using stack = new AsyncDisposableStack();
  let service = await openWholeService(through.href, options);
  stack.defer(() => service[Symbol.asyncDispose]());
  const cache = stack.use(await openTestCache([service.url], { clock }));
  await expectExact(cache, db);
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  const driver = { parkId: `park-${people[0]! % 10}`, driverId: `driver-${people[0]}-1` };
  const order = { region: 'moscow' };
  const copy = () => [plainCopy(cache, 'ids'), plainCopy(cache, 'statuses')];

  /** Ten minutes in steps; at each the library, and whoever else is asked, is no younger than that, and judges by its age. */
  const livesOn = async (others: () => Promise<{ ageMs: number; outcomes: string[] }[]>) => {
    const before = copy();
    const goneAtMs = clock.monotonic();
    const seen = new Set<string>();
    for (let step = 1; step <= STEPS; step++) {
      aheadMs += STEP_MS;
      const goneMs = clock.monotonic() - goneAtMs;
      const { deptransId, session, allowed, ageMs } = cache.check(driver, order);
      const own = {
        ageMs,
        outcomes: [deptransId, session].map(({ outcome, reason }) =>
          outcome === 'pass' ? outcome : `${outcome} ${reason}`,
        ),
      };
      for (const { ageMs: age, outcomes } of [own, ...(await others())]) {
        // A heartbeat that was on its way when the clock was moved is younger by that step.
        expect(age).toBeGreaterThanOrEqual(goneMs - STEP_MS);
        const due = age > MAX_DATA_AGE_MS ? TOO_OLD : 'pass';
        expect(outcomes, `${age} ms old`).toEqual([due, due]);
        seen.add(due);
      }
      expect(allowed).toBe(true);
    }
    expect([...seen].sort()).toEqual(['pass', TOO_OLD]);
    expect(copy()).toEqual(before);
    await vi.waitFor(() => expect(cache.ageMs).toBeGreaterThanOrEqual(STEPS * STEP_MS), PATIENCE);
    expect(cache.state).toBe('too_old');
  };
  const served = async () => {
    const { verdicts, freshness } = await service.diagnostics.checkDriver({ ...driver, ...order });
    const outcomes = verdicts.map(({ outcome, reason }) =>
      outcome === VerdictOutcome.PASS
        ? 'pass'
        : outcome === VerdictOutcome.UNKNOWN && reason === VerdictReason.DATA_TOO_OLD
          ? TOO_OLD
          : 'another',
    );
    return [{ ageMs: Number(freshness!.sourceAgeMs), outcomes }];
  };

  cable.cut();
  await livesOn(served);
  await using newcomer = await openTestCache([service.url], { clock });
  await vi.waitFor(() => expect(newcomer.size).toBe(cache.size), PATIENCE);
  await vi.waitFor(() => expect(newcomer.state).toBe('too_old'), PATIENCE);
  await vi.waitFor(() => expect(newcomer.ageMs).toBeGreaterThanOrEqual(STEPS * STEP_MS), PATIENCE);
  await setSessions(db, people.slice(0, 5), { deleted: true });
  cable.mend();
  await expectExact(cache, db);
  await expectExact(newcomer, db);
  await setSessions(db, people.slice(0, 5));
  await expectExact(cache, db);
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);

  await service[Symbol.asyncDispose]();
  // What the service had sent has been read, to the end of its streams.
  await vi.waitFor(() => expect(cache.metrics()).toMatchObject({ ids_connected: 0, statuses_connected: 0 }), PATIENCE);
  await livesOn(() => Promise.resolve([]));
  await setSessions(db, people.slice(5, 9), { deleted: true });
  service = await openWholeService(through.href, options);
  await expectExact(cache, db);
  await vi.waitFor(() => expect(cache.state).toBe('current'), PATIENCE);
  expect(cache.metrics()).toMatchObject({ ids_snapshots_total: 1, statuses_snapshots_total: 1, ids_resets_total: 0 });
});
