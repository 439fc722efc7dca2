import { fromJsonString } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, test, vi } from 'vitest';
import { type DriverCache, openDriverCache } from '../../consumer/driver-cache.ts';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { type Policy, PolicySchema, PolicyService } from '../../gen/deptrans/v1/policy_pb.ts';
import type { SetAnswer } from '../../simulator/city/driver-app.ts';
import { openRandom } from '../../simulator/random.ts';
import { type City, type CityName, openGateway, openTwoCities, PLACES } from '../support/two-cities.ts';

const PATIENCE = { timeout: 90_000, interval: 50 };
const CITIES = ['moscow', 'kazan'] as const;
const DRIVERS = 20;

type Driver = {
  profile: { parkId: string; driverId: string };
  pdId: string;
  licence: string;
  /** By city. */
  ids: Partial<Record<CityName, string>>;
  at: CityName;
  isOnLine: boolean;
};

/** Twenty of each city, half of whose numbers the other city's regulator gave to somebody else, and one who drives in both. */
function makeDrivers(): Driver[] {
  const locals = CITIES.flatMap((city, c) =>
    Array.from({ length: DRIVERS }, (_, i) => ({
      name: `${city}-${i}`,
      city,
      ids: { [city]: String(1_000 + 10 * c + i) },
    })),
  );
  const both = { name: 'both', city: 'moscow' as const, ids: { moscow: '1500', kazan: '1700' } };
  return [...locals, both].map(({ name, city, ids }) => ({
    profile: { parkId: 'park', driverId: name },
    pdId: `person ${name}`,
    licence: `licence of ${name}`,
    ids,
    at: city,
    isOnLine: false,
  }));
}

test('two cities of one topic: neither waits for the other, each regulator knows the truth of its own, and each order is checked by its own', async () => {
  const drivers = makeDrivers();
  const both = drivers.at(-1)!;
  await using world = await openTwoCities((data) => {
    for (const { profile, pdId, licence, at } of drivers) {
      data.putLicence(pdId, licence);
      data.putProfile(profile, pdId);
      data.putCategories(profile, ['econom']);
      data.putPosition(profile, PLACES[at]);
    }
  });
  const { neighbours, sink } = world;
  const random = openRandom('two cities');
  for (const { ids, licence } of drivers)
    for (const city of CITIES) if (ids[city]) world[city].know(ids[city], licence);
  let sent = 0;
  const set = async (some: readonly Driver[], isOnLine: (driver: Driver) => boolean) => {
    const changed = some.filter((driver) => driver.isOnLine !== isOnLine(driver));
    for (const driver of changed) driver.isOnLine = !driver.isOnLine;
    sent += changed.length;
    const messages = changed.map((driver) => ({
      kind: 'event' as const,
      profile: driver.profile,
      status: driver.isOnLine ? ('online' as const) : ('offline' as const),
      atMs: Date.now(),
    }));
    await sink.send(messages, new AbortController().signal);
  };
  const local = (city: CityName) => drivers.filter(({ ids }) => ids[city]);
  const truthOf = (city: CityName) =>
    Object.fromEntries(local(city).map(({ ids, isOnLine, at }) => [ids[city], isOnLine && at === city]));
  const toldTo = (city: CityName) =>
    Object.fromEntries(local(city).map(({ ids }) => [ids[city], world[city].isOnLine(ids[city]!)]));
  const untilTrue = (city: CityName) => vi.waitFor(() => expect(toldTo(city), city).toEqual(truthOf(city)), PATIENCE);

  await bindAll(world, drivers);
  await set(drivers, () => true);
  await Promise.all(CITIES.map(untilTrue));

  // He leaves Moscow. On line again in Kazan he is Kazan's business alone.
  await set([both], () => false);
  await untilTrue('moscow');
  both.at = 'kazan';
  neighbours.data.putPosition(both.profile, PLACES.kazan);

  for (const [down, other] of [
    ['moscow', 'kazan'],
    ['kazan', 'moscow'],
  ] as const) {
    const before = toldTo(down);
    await world[down].availability.set('refused');
    await set(drivers, (driver) => driver === both || random.chance(0.5));
    await untilTrue(other);
    expect(toldTo(down)).toEqual(before);
    expect(before).not.toEqual(truthOf(down));
    await world[down].availability.set('up');
    await untilTrue(down);
  }

  for (const city of CITIES) {
    expect(world[city].refusals()).toEqual([]);
    await untilSettled(world[city], sent);
  }
  await expectChecks(world, drivers, both);
});

type World = Awaited<ReturnType<typeof openTwoCities>>;

/** Each at the service of the city whose id it is; at the other one it is nobody's. */
async function bindAll(world: World, drivers: readonly Driver[]): Promise<void> {
  const { signal } = new AbortController();
  const bindIn = async (city: CityName) => {
    await using gateway = openGateway(world[city]);
    for (const { profile, ids } of drivers)
      if (ids[city]) await answerOf(() => gateway.set(profile, ids[city]!, signal), 'bound');
  };
  await Promise.all(CITIES.map(bindIn));
  await using gateway = openGateway(world.moscow);
  const { profile, ids } = drivers[2 * DRIVERS - 1]!;
  await answerOf(() => gateway.set(profile, ids.kazan!, signal), 'refused');
}

/** Whoever is told "later" tries again. */
async function answerOf(set: () => Promise<SetAnswer>, kind: SetAnswer['kind']): Promise<void> {
  const answer = await vi.waitFor(
    async () => {
      const told = await set();
      expect(told.kind).not.toBe('later');
      return told;
    },
    { ...PATIENCE, interval: 500 },
  );
  expect(answer.kind).toBe(kind);
}

/** Every event was taken by both, and ended; whoever drives in the other city alone has no id here. */
async function untilSettled(city: City, sent: number): Promise<void> {
  const operations = createClient(OperationsService, await transportOf(city));
  await vi.waitFor(async () => {
    const { balance } = await operations.status({});
    expect(Number(balance!.taken)).toBeGreaterThanOrEqual(sent);
    expect(balance).toMatchObject({ difference: 0n, pending: [], parked: [] });
    expect(balance!.ended.map(({ outcome, reason }) => `${outcome} ${reason}`)).toContain('filtered no_id');
  }, PATIENCE);
}

async function transportOf({ url, token }: City) {
  const authorization = `Bearer ${await token({ kind: 'engineer', name: 'engineer' })}`;
  return createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', authorization);
        return next(request);
      },
    ],
  });
}

const BLOCK_IN_MOSCOW = `{ "regions": [{ "region": "moscow", "rules": [
  { "check": "CHECK_DEPTRANS_ID", "mode": "ENFORCEMENT_MODE_BLOCK" },
  { "check": "CHECK_SESSION", "mode": "ENFORCEMENT_MODE_BLOCK" }] }] }`;

/** Two copies as docs/consuming.md says it: every order is asked of both, and the one whose region it is decides. */
async function expectChecks(world: World, drivers: readonly Driver[], both: Driver): Promise<void> {
  const policies = { moscow: BLOCK_IN_MOSCOW, kazan: world.kazan.policy };
  await using stack = new AsyncDisposableStack();
  const open = async (name: CityName): Promise<DriverCache> => {
    const city = world[name];
    await put(city, fromJsonString(PolicySchema, policies[name]));
    const token = () => city.token({ kind: 'service', name: 'candidates' });
    return stack.use(await openDriverCache({ endpoints: [city.url], token }));
  };
  const caches = { moscow: await open('moscow'), kazan: await open('kazan') };
  const ask = ({ profile }: Driver, region: CityName) => {
    const results = CITIES.map((city) => caches[city].check(profile, { region, categories: ['econom'] }));
    return {
      isAllowed: results.every(({ allowed }) => allowed),
      judgedBy: results.map((result) => result.region).join(''),
    };
  };
  const isFit = ({ ids, isOnLine, at }: Driver, region: CityName) =>
    ids[region] !== undefined && (region === 'kazan' || (isOnLine && at === 'moscow'));
  await vi.waitFor(() => {
    expect([caches.moscow.check(both.profile).policyVersion, caches.kazan.check(both.profile).policyVersion]).toEqual([
      1, 1,
    ]);
    for (const driver of drivers)
      for (const region of CITIES)
        expect(ask(driver, region), `${driver.profile.driverId} in ${region}`).toEqual({
          isAllowed: isFit(driver, region),
          judgedBy: region,
        });
  }, PATIENCE);
  const held = CITIES.map((city) => caches[city].get(both.profile)?.id?.deptransId);
  expect(held).toEqual([both.ids.moscow, both.ids.kazan]);
  expect(drivers.filter((driver) => isFit(driver, 'moscow')).length).toBeGreaterThan(0);
  // A token for one service opens nothing at the other.
  const { url, token } = world.kazan;
  await expect(put({ ...world.moscow, token }, fromJsonString(PolicySchema, policies.moscow))).rejects.toThrow(
    'unauthenticated',
  );
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
}

async function put(city: City, policy: Policy): Promise<void> {
  const client = createClient(PolicyService, await transportOf(city));
  await client.put({ policy, baseVersion: 0n, reason: 'a test' });
}
