import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { CallRecord } from '../../simulator/regulator/call-log.ts';
import { journalKey } from '../../simulator/stage/service.ts';
import { repeatsIn, unexplained } from '../../soak/kills/repeats.ts';
import { accountHash } from '../../src/store/journal.ts';
import { openTestDatabase } from '../support/database.ts';

const BEGAN_MS = Date.now() - 60_000;
let no = 0;

/** A CONNECTED that came `s` seconds after the beginning and was answered at once. */
const report = (driverId: string, s: number, effect: string): CallRecord => ({
  no: ++no,
  kind: 'status',
  driverId,
  connected: true,
  occurredAtMs: BEGAN_MS,
  receivedAtMs: BEGAN_MS + s * 1_000,
  appliedAtMs: BEGAN_MS + s * 1_000,
  effect,
  answeredAtMs: BEGAN_MS + s * 1_000,
  answer: 'accepted',
  fault: null,
  overlaps: false,
});

test('a repeat is explained by a kill between the two reports if the first was never settled, and by nothing else', async () => {
  await using database = await openTestDatabase();
  const settled = (id: string, s: number) =>
    sql`insert into deptrans.journal (at, kind, account, direction, outcome, sent_at, answered_at)
      values (deptrans.now(), 'outcome', decode(${accountHash(journalKey, id)}, 'hex'), 'connected', 'accepted',
        ${new Date(BEGAN_MS + s * 1_000 - 100)}, ${new Date(BEGAN_MS + s * 1_000 + 100)})`.execute(database.db);
  const calls = ['1', '2', '3', '4'].flatMap((id) => [report(id, 10, 'opened'), report(id, 40, 'repeated')]);
  calls.push(report('5', 20, 'repeated')); // of something nobody did
  await settled('2', 10);
  await settled('3', 40); // the repeat itself
  await settled('4', 5); // another report, before

  const repeats = repeatsIn(calls);
  expect(repeats.map(({ call }) => call.driverId)).toEqual(['1', '2', '3', '4', '5']);
  const strange = async (...killedAt: number[]) => {
    const killedAtMs = killedAt.map((s) => BEGAN_MS + s * 1_000);
    const found = await unexplained(repeats, killedAtMs, database.url);
    return found.map(({ repeat }) => repeat.call.driverId);
  };
  expect(await strange(11)).toEqual(['2', '5']);
  expect(await strange()).toEqual(['1', '2', '3', '4', '5']);
  expect(await strange(50)).toEqual(['1', '2', '3', '4', '5']); // killed later
});
