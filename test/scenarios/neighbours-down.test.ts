import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test, vi } from 'vitest';
import { Check, DiagnosticsService, VerdictOutcome } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { ContractorStatus, type SessionRecord, SessionStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema, StatusIngestService } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { isListed, type Person } from '../../simulator/city/people.ts';
import { profileKey } from '../../simulator/neighbours/neighbour-data.ts';
import { neighbourNames } from '../../simulator/neighbours/neighbours.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { untilReady } from '../../simulator/stage/service.ts';
import { expectExact, openScenario } from '../support/scenario.ts';

const patience = { timeout: 120_000, interval: 50 };

test.each([
  ['driver-profiles', 'driver-profiles', 'categories'],
  ['driver-categories', 'driver-categories-api', 'profiles'],
] as const)('the very first start without %s is not ready and says so', async (down, name, other) => {
  await using scenario = await openScenario({ people: 20, rate: 20, broker: false });
  const { availability } = scenario.simulator.neighbours.switches[down];
  await availability.set('refused');
  await scenario.startService();
  const loaded = () => scenario.query('select from deptrans.mirror_streams where stream = $1 and complete', [other]);
  await vi.waitFor(async () => expect(await loaded()).toHaveLength(1), patience);
  await vi.waitFor(() => expect(scenario.simulator.neighbours.switches[down].requests).toBeGreaterThan(1), patience);
  const readiness = async () => {
    const answer = await fetch(`${scenario.serviceUrl}/readyz`);
    return { status: answer.status, body: await answer.json() };
  };
  // Until all else is there, it says that too.
  const reasons = [`The first load of ${name} has not ended.`];
  const expected = { status: 503, body: { ready: false, reasons } };
  await vi.waitFor(async () => expect(await readiness()).toEqual(expected), patience);
  await availability.set('up');
  await untilReady(scenario.serviceUrl);
});

test('a restart with all four neighbours down: ready, serves what it knew, reports what it can decide, waits for the rest', async () => {
  await using scenario = await openScenario({ people: 80, rate: 100, broker: false });
  const { simulator, serviceUrl, startService } = scenario;
  const { city, regulator, neighbours } = simulator;
  const first = await startService();
  await city.start();
  await vi.waitFor(() => expect(regulator.calls.answers['accepted']).toBeGreaterThan(100), patience);
  expectExact(await scenario.rest());
  const asBefore = await readLists(serviceUrl);
  expect(await first.stop()).toBe(0);

  const setAll = (mode: 'up' | 'refused') =>
    Promise.all(neighbourNames.map((name) => neighbours.switches[name].availability.set(mode)));
  await setAll('refused');
  await startService();
  await untilReady(serviceUrl);
  expect(await readLists(serviceUrl)).toEqual(asBefore);

  const onLine = onLineIn(asBefore.statuses);
  const leaving = findPerson(simulator, (person) => onLine(person) && countOnLine(person) === 1);
  const coming = findPerson(simulator, (person) => countOnLine(person) === 0 && couldWork(person));
  expect(await checkDriver(serviceUrl, leaving)).toEqual([
    [Check.DEPTRANS_ID, VerdictOutcome.PASS],
    [Check.SESSION, VerdictOutcome.PASS],
  ]);
  await change(simulator, serviceUrl, leaving, 'offline');
  await change(simulator, serviceUrl, coming, 'online');
  await vi.waitFor(() => expect(isOpen(simulator, leaving)).toBe(false), patience);
  const waits = () =>
    scenario.query('select wait_reason from deptrans.reports where deptrans_id = $1', [coming.deptransId]);
  await vi.waitFor(async () => expect(await waits()).toEqual([{ wait_reason: 'no_position' }]), patience);
  await vi.waitFor(async () => expect((await scenario.figures.read()).waiting).toBe(1), patience);
  expect((await fetch(`${serviceUrl}/readyz`)).status).toBe(200);
  expect(isOpen(simulator, coming)).toBe(false);

  await setAll('up');
  await vi.waitFor(() => expect(isOpen(simulator, coming)).toBe(true), patience);
  expectExact(await scenario.rest());
});

/** A person with an id of his own for whom it is so. */
function findPerson({ city }: Simulator, fits: (person: Person) => boolean): Person {
  const found = city.people.find((person) => city.truth.holder(person.deptransId) === person.pdId && fits(person));
  if (!found) throw new Error('nobody like that in this city');
  return found;
}

/** Whether the first profile of a person has a session that is on line. */
function onLineIn(statuses: readonly SessionRecord[]): (person: Person) => boolean {
  const seen = new Map(statuses.map((record) => [profileKey(record), record.sessionStatus]));
  return ({ profiles }) => seen.get(profileKey(profiles[0]!)) === SessionStatus.ONLINE;
}

function couldWork({ inside, profiles }: Person): boolean {
  return inside && profiles.every(({ categories }) => isListed(categories));
}

function countOnLine({ profiles }: Person): number {
  return profiles.filter(({ status }) => status !== 'offline').length;
}

function isOpen({ regulator }: Simulator, { deptransId }: Person): boolean {
  return regulator.registry.shift(deptransId, Date.now())?.endedAtMs === null;
}

/** Lets the person go on or off line by the profile that is not so yet, and tells the service and the judge. */
async function change(
  { city }: Simulator,
  serviceUrl: string,
  person: Person,
  status: 'online' | 'offline',
): Promise<void> {
  const profile = person.profiles.find((one) => (one.status === 'offline') === (status === 'online'))!;
  const atMs = Date.now();
  profile.status = status;
  city.truth.status(profileKey(profile), status === 'online', atMs);
  const { parkId, driverId } = profile;
  const event = create(ContractorStatusEventSchema, {
    parkId,
    driverId,
    status: status === 'online' ? ContractorStatus.ONLINE : ContractorStatus.OFFLINE,
    eventAt: timestampFromMs(atMs),
  });
  await createClient(StatusIngestService, createGrpcTransport({ baseUrl: serviceUrl })).reportStatuses({
    events: [event],
  });
}

async function checkDriver(serviceUrl: string, { profiles: [profile] }: Person) {
  const client = createClient(DiagnosticsService, createGrpcTransport({ baseUrl: serviceUrl }));
  const { parkId, driverId } = profile!;
  const { verdicts } = await client.checkDriver({ parkId, driverId });
  return verdicts.map(({ check, outcome }) => [check, outcome]);
}

/** Everything the old pollers see; the city is small enough for one page. */
async function readLists(serviceUrl: string) {
  const client = createClient(IncrementalUpdatesService, createGrpcTransport({ baseUrl: serviceUrl }));
  const [ids, statuses] = await Promise.all([
    client.listIdUpdates({ limit: 1_000 }),
    client.listStatusUpdates({ limit: 1_000 }),
  ]);
  expect([ids.hasMore, statuses.hasMore]).toEqual([false, false]);
  return { ids: ids.ids, statuses: statuses.statuses };
}
