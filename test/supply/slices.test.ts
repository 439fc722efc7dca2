import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import { EVERYBODY, NOBODY } from '../../verdict/verdict.ts';
import { openPreviewsIn } from './previews-in.ts';
import { HOUR, INSIDE, MINUTE, openSupplyWorld, policyOf, type SupplyWorld } from './world.ts';

/** Every verdict that is made anywhere. */
const work = vi.hoisted(() => ({ verdicts: 0 }));
vi.mock('../../verdict/verdict.ts', async (original) => {
  const real = await original<typeof import('../../verdict/verdict.ts')>();
  const judge: typeof real.judge = (...given) => {
    work.verdicts += 1;
    return real.judge(...given);
  };
  return { ...real, judge };
});

const PEOPLE = 4_000;
/** By the policy in force, as it was put, and if everybody were blocked. */
const VERDICTS_EACH = 3;
/** By one policy, and if everybody were blocked. */
const VERDICTS_BY_ONE = 2;
const signal = new AbortController().signal;

/** How many verdicts were made in all while something was done, and the most between two turns of the event loop. */
async function verdictsOf(act: () => Promise<unknown>): Promise<{ all: number; most: number }> {
  const before = work.verdicts;
  let [last, most, isOver] = [before, 0, false];
  const look = () => {
    most = Math.max(most, work.verdicts - last);
    last = work.verdicts;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  await act();
  isOver = true;
  look();
  return { all: work.verdicts - before, most };
}

/** People at work, each with a shift that ends in an hour. */
async function fill({ db }: SupplyWorld): Promise<void> {
  const all = sql`generate_series(1, ${PEOPLE}::int) i`;
  await sql`insert into deptrans.persons (person_no, driver_license_pd_id) overriding system value select i, 'person-' || i from ${all}`.execute(
    db,
  );
  await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, person_revision, categories,
      categories_revision, seq)
    select 'park', 'driver-' || i, 'person-' || i, i, 1, '{econom}', 1, i from ${all}`.execute(db);
  await sql`insert into deptrans.driver_states (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
    select 'park', 'driver-' || i, 'online', deptrans.now(), deptrans.now(), 0, -1, deptrans.now() from ${all}`.execute(
    db,
  );
  await sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, ended_at, end_is_estimate,
      deptrans_id, region, seq)
    select 'person-' || i, i, 'online', deptrans.now(), deptrans.now() + interval '1 h', true, i, 'moscow', ${PEOPLE} + i from ${all}`.execute(
    db,
  );
}

test('however many people there are, no more than a thousand are judged before others get their turn', async () => {
  await using world = await openSupplyWorld({ placesPerRound: PEOPLE });
  await fill(world);
  await using supply = world.open('one');
  for (let no = 1; no <= PEOPLE; no += 1) world.places.set(`park/driver-${no}`, INSIDE);
  const rule = { categories: [], mode: 'block', from: 0, share: EVERYBODY, include: NOBODY, exclude: NOBODY } as const;
  const blocking = policyOf({ moscow: { rules: [{ ...rule, check: 'session', graceMs: 0 }] } });
  const round = () => supply.runOnce(signal);
  const steps: [what: string, work: () => Promise<unknown>][] = [
    ['everybody is counted', round],
    ['every shift ends at once', () => world.advance(HOUR + MINUTE).then(round)],
    ['the policy is another one', () => Promise.resolve(world.enforce(blocking)).then(round)],
    ['everybody is found', () => supply.findPlaces(signal)],
  ];
  for (const [what, step] of steps) {
    const { all, most } = await verdictsOf(step);
    expect([what, all]).toEqual([what, PEOPLE * VERDICTS_EACH]);
    expect(most, what).toBeLessThanOrEqual(1_000 * VERDICTS_EACH);
  }
  await using previews = openPreviewsIn(world, supply);
  const { all, most } = await verdictsOf(() => previews.ask(blocking, signal));
  expect(all).toBeGreaterThanOrEqual(2 * PEOPLE * VERDICTS_BY_ONE);
  // Whoever is connected, who failed in the past and who may be an example take turns beside each other.
  expect(most).toBeLessThanOrEqual((1_000 + 1_000 + 500) * VERDICTS_BY_ONE);
});
