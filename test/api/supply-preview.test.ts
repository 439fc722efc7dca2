import { create } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { Check, EnforcementMode, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type Policy, PolicySchema, PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import { SupplyService } from '../../gen/deptrans/v1/supply_pb.ts';
import { BadRequestSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { openPolicyService } from '../../src/api/policy-service.ts';
import { openSupplyService } from '../../src/api/supply-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import type { Preview, RegionFigures } from '../../src/supply/supply.ts';
import { openTestDatabase } from '../support/database.ts';
import { openEdge } from '../support/edge.ts';
import { refusalOf } from '../support/feed/refusal.ts';
import { REGIONS } from '../support/policy-world.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 0, 10, 12);
const good = { check: Check.SESSION, mode: EnforcementMode.BLOCK };
const POLICY = create(PolicySchema, { regions: [{ region: 'moscow', rules: [good] }] });

/** Whatever is asked for, the answer is this one; what was asked for is kept. */
async function openWorld(answer: Preview | null) {
  const stack = new AsyncDisposableStack();
  const { db } = stack.use(await openTestDatabase());
  const asked: object[] = [];
  const previews = {
    ask(stored: object) {
      asked.push(stored);
      return Promise.resolve(answer);
    },
  };
  const common = { db, regions: REGIONS, clock: systemClock };
  const services = {
    supply: openSupplyService({ ...common, previews }),
    policy: openPolicyService({ ...common, log: openLog('silent') }),
  };
  const edge = await openEdge(services, { auth: openToAll() });
  stack.defer(() => edge.close(0));
  const named: Interceptor = (next) => (request) => {
    request.header.set('x-caller', 'ann');
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: edge.url, httpVersion: '2', interceptors: [named] });
  const clients = { supply: createClient(SupplyService, transport), policy: createClient(PolicyService, transport) };
  return { ...clients, asked, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function problemsOf(call: Promise<unknown>) {
  const error = await call.then(
    () => null,
    (reason: unknown) => ConnectError.from(reason),
  );
  const violations = error?.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

const park = (no: number) => `${no}`.padStart(60, 'x');
const WRONG: [string, Policy | undefined][] = [
  ['none', undefined],
  ['an unknown region', create(PolicySchema, { regions: [{ region: 'omsk', rules: [good] }] })],
  [
    'an unknown tariff',
    create(PolicySchema, { regions: [{ region: 'tver', rules: [{ ...good, categories: ['vip'] }] }] }),
  ],
  ['a share over 100 %', create(PolicySchema, { regions: [{ region: 'tver', rules: [{ ...good, share: 1.5 }] }] })],
  [
    'a date in the past',
    create(PolicySchema, { regions: [{ region: 'tver', rules: [{ ...good, effectiveFrom: { seconds: 1n } }] }] }),
  ],
  [
    'many of them at once',
    create(PolicySchema, { regions: [{ region: 'a' }, { region: 'a', stepBack: { lostShare: 2 } }] }),
  ],
  [
    'a huge one',
    create(PolicySchema, {
      regions: [
        {
          region: 'tver',
          rules: [{ ...good, include: { parkIds: Array.from({ length: 20_000 }, (_, i) => park(i)) } }],
        },
      ],
    }),
  ],
];

test('a policy is refused as it would be if it were put', async () => {
  await using world = await openWorld(null);
  for (const [name, policy] of WRONG) {
    const request = policy ? { policy } : {};
    const said = await problemsOf(world.supply.preview(request));
    expect(said.length, name).toBeGreaterThan(0);
    expect(said, name).toEqual(await problemsOf(world.policy.put({ ...request, reason: 'test' })));
  }
  expect(world.asked).toEqual([]);
  expect((await world.policy.get({})).policy?.version).toBe(0n);
});

test('where nobody counts it says so', async () => {
  await using world = await openWorld(null);
  expect(await refusalOf(world.supply.preview({ policy: POLICY }))).toBe('Unavailable SERVICE_DEGRADED');
  expect(world.asked).toEqual([
    { regions: [{ region: 'moscow', rules: [{ check: 'CHECK_SESSION', mode: 'ENFORCEMENT_MODE_BLOCK' }] }] },
  ]);
});

test('now and the past come with their shares, and those who would be blocked with what blocks them', async () => {
  const verdict = { rule: 0, outcome: 'fail', mode: 'block' } as const;
  const profile = {
    parkId: 'p1',
    driverId: 'd1',
    categories: ['econom'],
    verdicts: [
      { ...verdict, check: 'deptrans_id', reason: 'no_id', mode: 'observe', rule: -1 },
      { ...verdict, check: 'session', reason: 'no_session' },
    ],
  } as const;
  const sum = (people: number) => ({ people, ms: people * HOUR });
  const figures = (blocked: number): RegionFigures => [
    { category: '', connected: sum(200), failing: sum(50), unknown: sum(10), blocked: sum(blocked), reasons: [] },
  ];
  const region = {
    region: 'moscow',
    pastFrom: NOON - HOUR,
    coveredMs: HOUR,
    profiles: [{ ...profile, categories: ['econom'], verdicts: [...profile.verdicts] }],
  };
  await using world = await openWorld({ at: NOON, regions: [{ ...region, now: figures(20), past: figures(40) }] });
  const { asOf, regions } = await world.supply.preview({ policy: POLICY });
  expect(Number(asOf!.seconds) * 1_000).toBe(NOON);
  expect(regions).toMatchObject([
    {
      region: 'moscow',
      now: [{ connected: { people: 200n }, blocked: { people: 20n, share: 0.1, hours: 0 } }],
      past: [{ failing: { share: 0.25 }, blocked: { people: 40n, share: 0.2, hours: 40 } }],
      coveredSeconds: 3_600,
      profiles: [
        {
          parkId: 'p1',
          driverId: 'd1',
          categories: ['econom'],
          checks: [{ check: Check.SESSION, reason: VerdictReason.NO_SESSION, rule: 0 }],
        },
      ],
    },
  ]);
  expect(regions[0]!.profiles[0]!.checks).toHaveLength(1);
});
