import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { CANDIDATES, openCallers } from '../support/callers.ts';
import { openTestDatabase } from '../support/database.ts';
import { openFeedApi } from '../support/feed/api.ts';
import { addPeople, moveProfiles, readRecords, setSessions } from '../support/feed/world.ts';
import { buildGoClient } from './go.ts';

let program: string;
beforeAll(async () => {
  program = await buildGoClient();
}, 1_800_000);

test('the client in Go shows its token, loads a snapshot, resumes and follows', async () => {
  await using database = await openTestDatabase();
  const { db } = database;
  const people = await addPeople(db, 600, 2);
  const loaded = (await setSessions(db, people.slice(0, 500)))!;
  await using callers = await openCallers();
  await using api = await openFeedApi(db, {}, {}, callers.auth);
  const last = loaded + 2 + 20 + 40;
  const running = promisify(execFile)(program, [api.url, String(last)], {
    env: { TOKEN: await callers.token(CANDIDATES) },
  });
  const [said] = await once(running.child.stderr!, 'data');
  expect(String(said)).toBe('1000 records\n');

  await moveProfiles(db, people[0]!, people[1]!);
  await setSessions(db, people.slice(10, 30), { deleted: true });
  expect(await setSessions(db, people.slice(480, 520), { region: 'tver' })).toBe(last);
  const held = JSON.parse((await running).stdout) as Record<string, number>;
  const wanted = await readRecords(db, 'statuses');
  expect(new Map(Object.entries(held).map(([key, seq]) => [key, String(seq)]))).toEqual(
    new Map([...wanted].map(([key, { seq }]) => [key, seq])),
  );
});
