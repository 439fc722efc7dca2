import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { StepBackReason } from '../../gen/deptrans/v1/policy_pb.ts';
import { puttingReadings } from '../../src/store/region-readings.ts';
import { beginStepBack, setCalm } from '../../src/store/step-backs.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { openPolicyWorld } from '../support/policy-world.ts';
import { until } from '../support/until.ts';

const begun = { region: 'moscow', policyVersion: 3, reason: 'lost_share', reading: 0.31, limit: 0.1 } as const;

test('what stepped back, why, and what is read of each region now', async () => {
  await using world = await openPolicyWorld();
  const { db, policy } = world;
  await world.enforcement[Symbol.asyncDispose](); // nobody judges them meanwhile
  expect(await policy.listStepBacks({})).toMatchObject({ stepBacks: [], readings: [], nextPageToken: '' });
  await puttingReadings([{ region: 'moscow', connected: 300, lost: 93, unknown: 1, dataAgeMs: 1_500 }]).execute(db);
  await beginStepBack(db, { ...begun, connected: 300, needsOperator: false });
  await beginStepBack(db, { ...begun, connected: 1, needsOperator: true }); // it lasts already
  await beginStepBack(db, {
    ...begun,
    region: 'tver',
    reason: 'no_reading',
    reading: null,
    connected: 0,
    needsOperator: true,
  });
  const { stepBacks, readings } = await policy.listStepBacks({});
  expect(stepBacks).toMatchObject([
    { region: 'tver', reason: StepBackReason.NO_READING, connected: 0, needsOperator: true },
    {
      region: 'moscow',
      reason: StepBackReason.LOST_SHARE,
      reading: 0.31,
      limit: 0.1,
      connected: 300,
      policyVersion: 3n,
    },
  ]);
  expect(stepBacks[0]).not.toHaveProperty('reading');
  expect(stepBacks.map(({ toTime, calmSince }) => [toTime, calmSince])).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(readings).toMatchObject([
    { region: 'moscow', connected: 300, lost: 93, unknown: 1, dataAge: { seconds: 1n } },
  ]);

  const page = await policy.listStepBacks({ pageSize: 1 });
  const rest = await policy.listStepBacks({ pageSize: 1, pageToken: page.nextPageToken });
  expect([page.stepBacks, rest.stepBacks, rest.readings]).toEqual([[stepBacks[0]], [stepBacks[1]], []]);
  expect(await refusalOf(policy.listStepBacks({ pageSize: 101 }))).toBe('InvalidArgument LIMIT_OUT_OF_RANGE');
});

test('an operator ends it by name and with a reason; every instance takes part in both', async () => {
  await using world = await openPolicyWorld();
  const { db, policy, enforcement, metrics } = world;
  const steppedBack = () => {
    const { regions } = enforcement.inForce().message;
    return regions.filter((region) => region.steppedBack).map(({ region }) => region);
  };
  await beginStepBack(db, { ...begun, connected: 300, needsOperator: true });
  await until(() => steppedBack().length === 1, 'the region has stepped back');
  const { compiled, asPut } = enforcement.inForce();
  expect([compiled, asPut].map(({ regions }) => regions.get('moscow')?.region.steppedBack)).toEqual([true, false]);
  const text = await metrics.registry.metrics();
  expect(text).toContain('deptrans_enforcement_stepped_back{region="moscow",where="everywhere"} 1');
  const [{ id } = { id: 0 }] = (await sql<{ id: number }>`select id from deptrans.step_backs`.execute(db)).rows;
  await setCalm(db, id, true);
  expect((await policy.listStepBacks({})).stepBacks[0]).toHaveProperty('calmSince');

  for (const asked of [
    { region: '', reason: 'x' },
    { region: 'moscow', reason: '' },
  ]) {
    expect(await refusalOf(policy.endStepBack(asked))).toBe('InvalidArgument REQUEST_MALFORMED');
  }
  expect(await policy.endStepBack({ region: 'tver', reason: 'nothing there' })).not.toHaveProperty('ended');
  const { ended } = await policy.endStepBack({ region: 'moscow', reason: 'found it' });
  expect(ended).toMatchObject({ region: 'moscow', endedBy: 'ann', endReason: 'found it' });
  expect(ended).toHaveProperty('toTime');
  await until(() => steppedBack().length === 0, 'it has come back');
  expect(await policy.endStepBack({ region: 'moscow', reason: 'again' })).not.toHaveProperty('ended');
  expect((await policy.listStepBacks({})).stepBacks).toEqual([ended]);
});
