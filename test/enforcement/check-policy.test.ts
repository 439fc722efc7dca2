import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Check, EnforcementMode } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type PolicyRuleSchema, PolicySchema, type StepBackSchema } from '../../gen/deptrans/v1/policy_pb.ts';
import { problemsOf } from '../../src/enforcement/enforcement.ts';

const NOW = 1_800_000_000_000;
const DAY_S = 86_400n;
const NOW_S = BigInt(NOW / 1_000);
const regions = [
  { id: 'moscow', tariffs: ['econom'] },
  { id: 'tver', tariffs: [] },
];
const NOTHING = create(PolicySchema);

type Rule = Omit<MessageInitShape<typeof PolicyRuleSchema>, '$typeName' | '$unknown'>;
type Limits = Omit<MessageInitShape<typeof StepBackSchema>, '$typeName' | '$unknown'>;
type Shape = MessageInitShape<typeof PolicySchema>;

const good: Rule = { check: Check.SESSION, mode: EnforcementMode.BLOCK };

function say(policy: Shape, before: Shape = {}): string[] {
  const problems = problemsOf(create(PolicySchema, policy), regions, create(PolicySchema, before), NOW);
  return problems.map(({ field, description }) => `${field}: ${description}`);
}

const withRule = (rule: Rule): Shape => ({ regions: [{ region: 'moscow', rules: [{ ...good, ...rule }] }] });
const RULE = 'policy.regions[0].rules[0]';

test('a policy with everything in its limits has no problem', () => {
  const whole: Rule = {
    ...good,
    categories: ['econom'],
    effectiveFrom: { seconds: NOW_S - DAY_S },
    share: 0.0001,
    include: { parkIds: ['p'], driverLicensePdIds: ['ann'] },
    exclude: { parkIds: Array.from({ length: 10_000 }, (_, i) => `${i}`) },
    graceAfterBinding: { seconds: 30n * DAY_S },
  };
  const rules = [whole, ...Array.from({ length: 99 }, () => good)];
  expect(say({ maxDataAge: { seconds: 3_600n }, regions: [{ region: 'moscow', rules }] })).toEqual([]);
  expect(say({})).toEqual([]);
  expect(say({ regions: [{ region: 'moscow', endsSoon: { seconds: DAY_S } }, { region: 'tver' }] })).toEqual([]);
});

test('without a policy there is one problem', () => {
  expect(problemsOf(undefined, regions, NOTHING, NOW)).toEqual([{ field: 'policy', description: 'a policy' }]);
});

test.each<[string, Rule, string]>([
  ['no check', { check: Check.UNSPECIFIED }, 'check: one of the two checks'],
  ['a check nobody knows', { check: 77 as Check }, 'check: one of the two checks'],
  ['no mode', { mode: EnforcementMode.UNSPECIFIED }, 'mode: a mode'],
  ['a mode nobody knows', { mode: 6 as EnforcementMode }, 'mode: a mode'],
  ['a tariff of elsewhere', { categories: ['econom', 'vip'] }, 'categories: tariffs that are listed in the region'],
  [
    'a beginning two days ago',
    { effectiveFrom: { seconds: NOW_S - 2n * DAY_S } },
    'effective_from: at most a day ago in a new rule',
  ],
  ['a beginning before all time', { effectiveFrom: { seconds: -1n } }, 'effective_from: a time'],
  ['a beginning after all time', { effectiveFrom: { seconds: 2n ** 62n } }, 'effective_from: a time'],
  ['more than everybody', { share: 1.01 }, 'share: 0 to 1, in steps of 0.0001'],
  ['less than nobody', { share: -0.1 }, 'share: 0 to 1, in steps of 0.0001'],
  ['not a number of people', { share: Number.NaN }, 'share: 0 to 1, in steps of 0.0001'],
  ['a share too fine', { share: 0.00015 }, 'share: 0 to 1, in steps of 0.0001'],
  [
    'too many parks',
    { include: { parkIds: Array.from({ length: 10_001 }, () => 'p') } },
    'include.park_ids: at most 10000',
  ],
  ['a park without a name', { exclude: { parkIds: [''] } }, 'exclude.park_ids: each 1 to 64 printable bytes'],
  [
    'a person of two lines',
    { exclude: { driverLicensePdIds: ['a\nb'] } },
    'exclude.driver_license_pd_ids: each 1 to 64 printable bytes',
  ],
  [
    'a grace that ends before it begins',
    { graceAfterBinding: { seconds: -1n } },
    'grace_after_binding: 0 s to 2592000 s',
  ],
  ['a grace of a century', { graceAfterBinding: { seconds: 3_155_760_000n } }, 'grace_after_binding: 0 s to 2592000 s'],
])('%s is refused', (_, rule, expected) => expect(say(withRule(rule))).toEqual([`${RULE}.${expected}`]));

test('a rule that stands already may have begun at any time, as long as it stays the same', () => {
  const old = { effectiveFrom: { seconds: NOW_S - 100n * DAY_S } };
  expect(say(withRule(old), withRule(old))).toEqual([]);
  expect(say(withRule({ ...old, share: 0.5 }), withRule(old))).toHaveLength(1);
});

const withLimits = (stepBack: Limits): Shape => ({ regions: [{ region: 'moscow', stepBack }] });
const LIMITS = 'policy.regions[0].step_back';

test('limits at both ends of what they may be are no problem', () => {
  const least: Limits = {
    lostShare: 0,
    unknownShare: 0,
    minConnected: 1,
    returnsADay: 0,
    returnAfter: { seconds: 60n },
  };
  const most: Limits = { lostShare: 1, unknownShare: 1, minConnected: 1_000_000, returnsADay: 10 };
  expect(say(withLimits({}))).toEqual([]);
  expect(say(withLimits({ ...least, dataAge: { seconds: 1n }, regulatorDown: {} }))).toEqual([]);
  expect(say(withLimits({ ...most, dataAge: { seconds: 3_600n }, returnAfter: { seconds: DAY_S } }))).toEqual([]);
});

test('all that is wrong with the limits is said at once', () => {
  const wrong: Limits = {
    lostShare: 1.01,
    unknownShare: Number.NaN,
    dataAge: { seconds: 0n },
    regulatorDown: { seconds: 3_601n },
    minConnected: 0,
    returnAfter: { seconds: 59n },
    returnsADay: 11,
  };
  expect(say(withLimits(wrong))).toEqual([
    `${LIMITS}.lost_share: 0 to 1`,
    `${LIMITS}.unknown_share: 0 to 1`,
    `${LIMITS}.data_age: 1 s to 3600 s`,
    `${LIMITS}.regulator_down: 0 s to 3600 s`,
    `${LIMITS}.min_connected: 1 to 1000000`,
    `${LIMITS}.return_after: 60 s to 86400 s`,
    `${LIMITS}.returns_a_day: 0 to 10`,
  ]);
  expect(say(withLimits({ lostShare: -0.1, minConnected: 1_000_001, returnsADay: -1 }))).toHaveLength(3);
});

test('all problems are said at once, in the order of the fields', () => {
  const rules = [{ ...good, share: 5 }, { check: Check.SESSION }];
  const problems = say({
    maxDataAge: {},
    regions: [{ region: 'moscow', rules }, { region: 'omsk' }, { region: 'moscow', endsSoon: { seconds: DAY_S + 1n } }],
  });
  expect(problems.map((line) => line.split(':')[0])).toEqual([
    'policy.max_data_age',
    'policy.regions[0].rules[0].share',
    'policy.regions[0].rules[1].mode',
    'policy.regions[1].region',
    'policy.regions[2].region',
    'policy.regions[2].ends_soon',
  ]);
});

test('a huge policy is refused without looking at all of it', () => {
  const rules = Array.from({ length: 1_000 }, () => ({ check: Check.SESSION }));
  expect(say({ regions: [{ region: 'moscow', rules }] })).toHaveLength(50);
  const names = Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(60, 'x'));
  const include = { parkIds: names };
  expect(say(withRule({ include }))).toEqual(['policy: at most 1048576 bytes in binary']);
  const many = Array.from({ length: 101 }, (_, i) => ({ region: `r${i}` }));
  expect(say({ regions: many })[0]).toBe('policy.regions: at most 100');
});
