import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { openTestDatabase } from '../support/database.ts';
import { openMaintenanceWorld, signal } from './world.ts';

const DAY = 86_400_000;

/** What docs/architecture.md says of each table: how long its rows are kept. */
function statedRetention(): Map<string, string> {
  const text = readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8');
  const rows = text.slice(text.indexOf('## Tables')).matchAll(/^\| (`.*?) \| .*? \| (.*?) \|$/gm);
  return new Map(
    [...rows].flatMap(([, names = '', kept = '']) =>
      [...names.matchAll(/`(?:deptrans\.)?(\w+)`/g)].map(([, name]): [string, string] => [name!, kept.trim()]),
    ),
  );
}

/** An old row of each table that time shrinks, of a kind that nobody needs any more. */
const OLD = {
  journal: sql`insert into deptrans.journal (at, kind) values (deptrans.now(), 'transition')`,
  session_history: sql`insert into deptrans.session_history (at, driver_license_pd_id, session_status, updated_at, end_is_estimate, deleted)
    values (deptrans.now(), 'ann', 'online', deptrans.now(), false, false)`,
  driver_states: sql`insert into deptrans.driver_states (park_id, driver_id, status, event_at, source_gen, source_offset, seen_at)
    values ('p', 'off', 'offline', deptrans.now(), 0, 0, deptrans.now())`,
  event_ends: sql`insert into deptrans.event_ends (park_id, driver_id, outcome, event_at, at)
    values ('p', 'd', 'no_change', deptrans.now(), deptrans.now()), ('p', 'd', 'outdated', deptrans.now(), deptrans.now())`,
  reports: sql`insert into deptrans.reports (deptrans_id) values ('1')`,
  driver_persons: sql`insert into deptrans.driver_persons (park_id, driver_id, deleted) values ('p', 'gone', true)`,
  profiles: sql`insert into deptrans.profiles (driver_license_pd_id, person_no, updated_at, state)
    select 'ann', person_no, deptrans.now(), 'unbound' from deptrans.persons`,
  session_statuses: sql`insert into deptrans.session_statuses (driver_license_pd_id, person_no, session_status, updated_at, deleted)
    select 'ann', person_no, 'finished', deptrans.now(), true from deptrans.persons`,
  licence_changes: sql`insert into deptrans.licence_changes (driver_license_pd_id, former, changed_at) values ('a', 'b', deptrans.now())`,
  quarantine: sql`insert into deptrans.quarantine (topic, partition, generation, source_offset, reason, at, payload)
    values ('t', 0, 0, 0, 'UNREADABLE', deptrans.now(), '')`,
  audit: sql`insert into deptrans.audit (at, caller, operation, request_id, detail) values (deptrans.now(), 'ann', 'Status', 'r', '{}')`,
  id_attempts: sql`insert into deptrans.id_attempts (scope, key, full_at) values ('service', '', deptrans.now() + interval '3 h')`,
  driver_answers: sql`insert into deptrans.driver_answers (key_hash, id_hash, at) values ('', '', deptrans.now())`,
  supply_changes: sql`insert into deptrans.supply_changes (at, profiles, keys) values (deptrans.now(), '{}', '{}')`,
  supply_intervals: sql`insert into deptrans.supply_intervals (at, to_at, person_no, person, region, deptrans_id, session, binding, profiles)
    values (deptrans.now(), deptrans.now(), 1, 'ann', 'moscow', 'no_id', 'no_session', 'unbound', '[]')`,
  supply_history: sql`insert into deptrans.supply_history (region, step, at, covered_ms, figures)
    select 'moscow', step, deptrans.now(), 0, '[]' from unnest(array['minute', 'hour']) step`,
  outages: sql`insert into deptrans.outages (regulator, from_at, to_at) values ('moscow', deptrans.now(), deptrans.now())`,
  step_backs: sql`insert into deptrans.step_backs (region, policy_version, from_at, reason, limit_value, connected, needs_operator, to_at)
    values ('moscow', 1, deptrans.now(), 'lost_share', 0.1, 100, false, deptrans.now())`,
  reporting_rules: sql`insert into deptrans.reporting_rules (created_at, digest, rules)
    select deptrans.now(), i, '{}' from generate_series(1, 150) i`,
  feed_log: sql`insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
    select nextval('deptrans.feed_seq'), 0, deptrans.now(), '{}', '{}', '{}' from generate_series(1, 3)`,
  feed_marks: sql`insert into deptrans.feed_marks (at, seq) values (deptrans.now() - interval '1 s', 0), (deptrans.now(), 0)`,
};

/** What may be left of them: the newest rules, the newest commit, what the round itself marks and what the next one needs to tell the age. */
const LEFT: Partial<Record<string, number>> = { reporting_rules: 100, feed_log: 1, feed_marks: 2 };

test('each table of the schema has a stated retention, and each that time shrinks is shrunk in the test below', async () => {
  await using database = await openTestDatabase();
  const { rows } = await sql<{ name: string }>`select c.relname as name from pg_class c
     where c.relnamespace = 'deptrans'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`.execute(
    database.db,
  );
  const stated = statedRetention();
  expect([...stated.keys()].sort()).toEqual(rows.map(({ name }) => name).sort());
  expect([...stated].filter(([, kept]) => kept === '')).toEqual([]);
  const shrinks = [...stated].filter(([name, kept]) => /maintenance\.|days|newest/.test(kept) && name !== 'persons');
  expect(Object.keys(OLD).sort()).toEqual(shrinks.map(([name]) => name).sort());
});

test('each table shrinks by its stated retention', async () => {
  await using world = await openMaintenanceWorld();
  const { db, maintenance, count } = world;
  await maintenance.runOnce(signal);
  await sql`insert into deptrans.persons (driver_license_pd_id) values ('ann')`.execute(db);
  for (const fill of Object.values(OLD)) await fill.execute(db);
  await inTransaction(db, (tx) => publish(tx, { sessions: [1], bindings: [1], profiles: [1] }));
  await world.advance(2 * 3_600_000);
  await maintenance.runOnce(signal); // remembers the number of the tombstones
  for (const table of Object.keys(OLD)) expect(await count(table), `${table} too early`).toBeGreaterThan(0);
  for (let day = 0; day < 32; day += 16) {
    await world.advance(16 * DAY);
    await maintenance.runOnce(signal);
  }
  const left: Record<string, number> = {};
  for (const table of Object.keys(OLD)) left[table] = await count(table);
  expect(left).toEqual(Object.fromEntries(Object.keys(OLD).map((table) => [table, LEFT[table] ?? 0])));
});
