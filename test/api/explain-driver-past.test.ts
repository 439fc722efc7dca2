import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  Check,
  EnforcementMode,
  type ExplainDriverResponse,
  VerdictOutcome,
  VerdictReason,
} from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { PolicySchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { policyToStore } from '../../src/enforcement/enforcement.ts';
import { putPolicy } from '../../src/store/policies.ts';
import { putRules } from '../../src/store/rules.ts';
import { beginStepBack, endStepBack } from '../../src/store/step-backs.ts';
import { INSIDE, square } from '../support/delivery-world.ts';
import { openExplainWorld } from '../support/explain-world.ts';
import { refusalOf } from '../support/feed/refusal.ts';

type World = Awaited<ReturnType<typeof openExplainWorld>>;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ID = '9901123456';

/** Ann drives by p/1 and Bob by p/2, both inside the region. */
async function openWorld(): Promise<World> {
  const world = await openExplainWorld();
  for (const [person, profile] of [
    ['token-of-ann', 'p/1'],
    ['token-of-bob', 'p/2'],
  ] as const) {
    await world.person(person, profile);
    world.place(profile, INSIDE);
  }
  return world;
}

/** Puts a policy in which a failing session does that to everybody. */
async function put(world: World, base: number, mode: EnforcementMode): Promise<void> {
  const policy = create(PolicySchema, { regions: [{ region: 'moscow', rules: [{ check: Check.SESSION, mode }] }] });
  const put = await putPolicy(world.db, {
    base,
    policy: policyToStore(policy),
    author: 'ann',
    reason: `version ${base + 1}`,
  });
  expect(put?.version).toBe(base + 1);
}

const name = (words: object, value: number) => Object.entries(words).find(([, v]) => v === value)?.[0];

/** The check of the shift: outcome, reason, mode and version. */
function told({ verdicts, policy, allowed }: ExplainDriverResponse): string {
  const { outcome, reason, mode } = verdicts.find(({ check }) => check === Check.SESSION)!;
  const words = [name(VerdictOutcome, outcome), name(VerdictReason, reason), name(EnforcementMode, mode)];
  return `${words.join(' ')} v${policy!.version} ${allowed ? 'allowed' : 'blocked'}`;
}

test('the verdict of a moment is by the facts and the version of the policy of then, whatever was put since', async () => {
  await using world = await openWorld();
  await putRules(world.db, [{ ...square, timeZone: 'Asia/Vladivostok' }]);
  await world.setId('p/1', ID);
  const before = world.now();
  await world.advance(HOUR);
  await world.take('p/1', ['online', world.now()]);
  await world.delivery.runOnce();
  await world.take('p/1', ['offline', world.now()]);
  await world.delivery.runOnce();
  const observed = await after(world);
  await put(world, 0, EnforcementMode.WARN);
  const warned = await after(world);
  await put(world, 1, EnforcementMode.BLOCK);
  const blocked = await after(world);
  const begun = {
    region: 'moscow',
    policyVersion: 2,
    reason: 'data_age',
    reading: 70,
    limit: 60,
    connected: 1,
  } as const;
  await beginStepBack(world.db, { ...begun, needsOperator: false });
  const steppedBack = await after(world);
  await endStepBack(world.db, 'moscow', null);
  await put(world, 2, EnforcementMode.OFF);

  expect(told(await world.explain('p/1'))).toBe('PASS NOT_REQUIRED OFF v3 allowed');
  expect(told(await world.explain('p/1', observed))).toBe('FAIL SESSION_ENDED OBSERVE v0 allowed');
  expect(told(await world.explain('p/1', warned))).toBe('FAIL SESSION_ENDED WARN v1 allowed');
  expect(told(await world.explain('p/1', steppedBack))).toBe('FAIL SESSION_ENDED WARN v2 allowed');
  const answer = await world.explain('p/1', blocked);
  expect(told(answer)).toBe('FAIL SESSION_ENDED BLOCK v2 blocked');
  expect(answer.policy).toMatchObject({ version: 2n, author: 'ann', reason: 'version 2' });
  expect(answer.summary).toContain('The driver got no new orders: SESSION failed (session_ended), mode BLOCK');
  const there = new Date(blocked.getTime() + 10 * HOUR).toISOString().slice(0, 19).replace('T', ' ');
  expect(answer.details.at(-1)).toBe(`By the clocks of moscow it was ${there} (Asia/Vladivostok).`);
  expect(answer.details.join()).toContain('rule 0 of the region moscow in version 2 of the policy');
  expect(answer.verdicts.every(({ text, action }) => text === '' && action === '')).toBe(true);
  expect([answer.standing, answer.lastAccepted?.connected, answer.shift?.status]).toEqual(['', false, 'finished']);

  // Before anything was reported there was no shift, and no report of later times is told.
  const early = await world.explain('p/1', before);
  expect([early.shift, early.lastAccepted, early.events]).toEqual([undefined, undefined, []]);
  expect(early.binding?.state).toBe('bound');
});

/** A moment after all that has happened, and before all that will. */
async function after(world: World): Promise<Date> {
  await world.advance(HOUR);
  const moment = world.now();
  await world.advance(HOUR);
  return moment;
}

test('an id that changed hands is told as it was: whose it was then, and by its mark alone once it has left', async () => {
  await using world = await openWorld();
  const nobody = await after(world);
  await world.setId('p/1', ID);
  await world.take('p/1', ['online', world.now()]);
  await world.delivery.runOnce();
  const anns = await after(world);
  await world.setId('p/2', ID);
  await world.delivery.runOnce();
  const bobs = await after(world);

  const bindingOf = async (profile: string, asOf?: Date) => {
    const {
      state = 'none',
      deptransId = '',
      accountMark = '',
      reason = '',
    } = (await world.explain(profile, asOf)).binding ?? {};
    return { state, deptransId, accountMark, reason };
  };
  const { accountMark } = await bindingOf('p/2');
  expect(accountMark).toMatch(/^[0-9a-f]{8}$/);
  const none = { state: 'none', deptransId: '', accountMark: '', reason: '' };
  expect(await bindingOf('p/1', nobody)).toEqual(none);
  expect(await bindingOf('p/2', nobody)).toEqual(none);
  expect(await bindingOf('p/1', anns)).toEqual({ state: 'bound', deptransId: '', accountMark, reason: 'checked' });
  expect(await bindingOf('p/2', anns)).toEqual(none);
  expect(await bindingOf('p/1', bobs)).toMatchObject({ state: 'unbound', deptransId: '' });
  expect(await bindingOf('p/2', bobs)).toEqual({
    state: 'bound',
    deptransId: '***56',
    accountMark,
    reason: 'taken_over',
  });

  // The shift went along with the id.
  expect((await world.explain('p/1', anns)).shift?.status).toMatch(/issued|online/);
  expect((await world.explain('p/1', bobs)).shift).toBeUndefined();
  const outcomes = async (profile: string, asOf?: Date) =>
    (await world.explain(profile, asOf)).verdicts.map(({ outcome }) => name(VerdictOutcome, outcome)).join(' ');
  expect(await outcomes('p/1', nobody)).toBe(await outcomes('p/2', anns));
});

test('what waited at a moment is told with why, whatever became of it later', async () => {
  await using world = await openWorld();
  await world.setId('p/1', ID);
  await world.regulator.availability.set('refused');
  await world.take('p/1', ['online', world.now()]);
  await world.delivery.runOnce();
  const waiting = await after(world);
  await world.regulator.availability.set('up');
  await world.db
    .updateTable('deptrans.gate')
    .set({ next_probe_at: new Date(0) })
    .execute();
  await world.delivery.runOnce();
  const [then] = (await world.explain('p/1', waiting)).events;
  expect(then).toMatchObject({ outcome: 'pending', reason: 'regulator_down', connected: true });
  expect(then!.endedAt).toBeUndefined();
  const [now] = (await world.explain('p/1')).events;
  expect(now).toMatchObject({ outcome: 'sent', connected: true });
  expect(timestampDate(now!.endedAt!).getTime()).toBeGreaterThan(waiting.getTime());
});

test('what is not recorded is said to be not recorded', async () => {
  await using world = await openWorld();
  await world.setId('p/1', ID);
  await world.take('p/1', ['online', world.now()]);
  const moment = await after(world);
  const { notRecorded, verdicts } = await world.explain('p/1', moment);
  expect(notRecorded.join('\n')).toMatch(/tariffs[\s\S]*positions are not kept[\s\S]*copies/);
  expect(verdicts).toHaveLength(2);
  // A check after a change of licence leaves no line of when it began: between the last line and it, nothing is told.
  await sql`update deptrans.profiles set state = 'recheck', deptrans_id = null, updated_at = deptrans.now()`.execute(
    world.db,
  );
  await sql`insert into deptrans.journal (at, kind, driver_license_pd_id, outcome, reason)
    values (deptrans.now() - interval '90 min', 'binding', 'token-of-ann', 'unbound', 'cleared'),
           (deptrans.now(), 'binding', 'token-of-ann', 'rejected', 'licence_changed')`.execute(world.db);
  const unsure = await world.explain('p/1', moment);
  expect([unsure.binding?.state, unsure.verdicts, unsure.allowed]).toEqual(['', [], undefined]);
  expect(unsure.summary).toBe('What the checks said then is not recorded.');
  expect(unsure.notRecorded.join('\n')).toContain('How the government id stood');
  // Rules of reporting that are not kept any more.
  await sql`update deptrans.reporting_rules set created_at = deptrans.now()`.execute(world.db);
  expect((await world.explain('p/2', moment)).notRecorded.join('\n')).toContain('The rules of reporting of then');
});

test('a moment that cannot be told of, and a profile that nobody knows, are refused', async () => {
  await using world = await openWorld();
  const ask = (asOf: Date, driverId = '1') =>
    refusalOf(world.diagnostics.explainDriver({ parkId: 'p', driverId, asOf: timestampFromDate(asOf) }));
  const at = (ms: number) => new Date(world.now().getTime() + ms);
  expect(await ask(at(HOUR))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
  expect(await ask(at(-31 * DAY))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
  expect(await ask(at(-29 * DAY))).toBe('not refused');
  expect(await ask(at(-HOUR), 'nobody')).toBe('NotFound PROFILE_UNKNOWN');
  const { rows } = await sql<{ caller: string; detail: object }>`
    select caller, detail from deptrans.audit where operation = 'ExplainDriver' order by id desc limit 1`.execute(
    world.db,
  );
  expect(rows[0]).toEqual({
    caller: 'ann@oncall',
    detail: { parkId: 'p', driverId: 'nobody', asOf: expect.stringMatching(/^\d{4}-.*Z$/) },
  });
  const explain = (request: object) => refusalOf(world.diagnostics.explainDriver(request));
  expect(await explain({ parkId: 'p', driverId: 'nobody' })).toBe('NotFound PROFILE_UNKNOWN');
  expect(await explain({ parkId: '', driverId: '1' })).toBe('InvalidArgument REQUEST_MALFORMED');
  expect(await explain({ parkId: 'p', driverId: '1', asOf: { seconds: 400_000_000_000n } })).toBe(
    'InvalidArgument REQUEST_MALFORMED',
  );
});
