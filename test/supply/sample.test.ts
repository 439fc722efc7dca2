import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { choosePast, type PastInterval, type PastPlace, readLasting, readPast } from '../../src/store/supply-past.ts';
import { openLens } from '../../src/supply/lens.ts';
import { Past } from '../../src/supply/past.ts';
import { Scratch } from '../../src/supply/scratch.ts';
import { compilePolicy, EVERYBODY, NOBODY } from '../../verdict/verdict.ts';
import { HOUR, openSupplyWorld, policyOf, START, type SupplyWorld } from './world.ts';

const PEOPLE = 2_000;
const EACH = 3;
const FROM = START - 24 * HOUR;

/** Everybody without an id three times for an hour, and since then, in ten parks. */
async function fill({ db }: SupplyWorld): Promise<void> {
  const columns = sql`person, region, deptrans_id, session, binding, profiles`;
  const state = sql`'person-' || n, 'moscow', 'no_id', 'no_session', 'unbound',
    jsonb_build_array(jsonb_build_array('p' || n % 10, 'd' || n, '["econom"]'::jsonb, true))`;
  const people = sql`generate_series(1, ${PEOPLE}::int) n`;
  const began = sql`to_timestamp(${FROM}::float8 / 1000)`;
  await sql`insert into deptrans.supply_intervals (at, to_at, person_no, ${columns})
    select ${began} + i * interval '2 h', ${began} + i * interval '2 h' + interval '1 h', n, ${state}
      from ${people}, generate_series(1, ${EACH}::int) i`.execute(db);
  await sql`insert into deptrans.supply_open (person_no, at, digest, ${columns}) select n, ${began} + interval '20 h', 1, ${state} from ${people}`.execute(
    db,
  );
}

async function readAll({ db }: SupplyWorld, sample: number): Promise<PastInterval[]> {
  const all: PastInterval[] = [];
  const common = { to: START, sample, limit: 100 };
  let place: PastPlace | null = null;
  do {
    const page = await readPast(db, { ...common, from: FROM, after: place });
    all.push(...page.intervals);
    place = page.next;
  } while (place);
  let after: number | null = null;
  do {
    const page = await readLasting(db, { ...common, after });
    all.push(...page.intervals);
    after = page.next;
  } while (after !== null);
  return all;
}

test('of many intervals those of one person in so many are read, each once, and about as many as are asked for', async () => {
  await using world = await openSupplyWorld();
  await fill(world);
  const all = PEOPLE * (EACH + 1);
  const samples = await Promise.all(
    [all, all / 2, all / 8, all / 20, all / 200].map((n) => choosePast(world.db, FROM, n)),
  );
  expect(samples.map((sample) => [sample, sample < 64])).toEqual([1, 2, 8, 64, 256].map((n) => [n, n < 64]));
  for (const sample of samples) {
    const read = (await readAll(world, sample)).map(({ person, at }) => `${person} ${at}`);
    expect(new Set(read).size).toBe(read.length);
    const people = new Set(read.map((one) => Number(/\d+/.exec(one))));
    expect([...people].sort((a, b) => a - b)).toEqual(
      Array.from({ length: Math.floor(PEOPLE / sample) }, (_, i) => (i + 1) * sample),
    );
    expect(read.length).toBe(people.size * (EACH + 1));
  }
});

test('whom a share takes is no matter of whom a sample has', async () => {
  await using world = await openSupplyWorld();
  await fill(world);
  const rule = {
    check: 'session',
    categories: [],
    mode: 'block',
    from: 0,
    include: NOBODY,
    exclude: NOBODY,
    graceMs: 0,
  } as const;
  const blockedBy = async (share: number, sample: number) => {
    const lens = openLens(compilePolicy(policyOf({ moscow: { rules: [{ ...rule, share }] } })));
    const past = new Past(sample > 1);
    const scratch = new Scratch();
    for (const interval of await readAll(world, sample)) past.add(interval, FROM, lens, scratch);
    const sum = { people: 0, ms: 1 };
    const none = { people: 0, ms: 0 };
    const reasons = [{ check: 'session', reason: 'no_session', people: sum, blocked: none } as const];
    const counted = { category: '', connected: sum, failing: sum, unknown: none, blocked: none, reasons };
    return past.under('moscow', [counted], [])[0]!.blocked.ms;
  };
  for (const share of [1_000, 3_333, 5_000]) {
    expect(await blockedBy(share, 64)).toBeCloseTo(share / EVERYBODY, 9);
    expect(Math.abs((await blockedBy(share, 1)) - share / EVERYBODY)).toBeLessThan(0.02);
  }
  expect(await blockedBy(EVERYBODY, 64)).toBeCloseTo(1, 9);
});
