import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import type { RegulatorOptions } from '../../simulator/regulator/regulator.ts';
import type { Personal } from '../../src/clients/personal.ts';
import type { Trackstory } from '../../src/clients/trackstory.ts';
import type { DeliveryLimits } from '../../src/delivery/delivery.ts';
import { parseDeptransId } from '../../src/domain/binding.ts';
import type { Point, Region } from '../../src/domain/region.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { readBalance } from '../../src/store/balance.ts';
import { bind, readCaller, unbind } from '../../src/store/bindings.ts';
import { inTransaction } from '../../src/store/database.ts';
import { openTestIntake } from '../intake/support.ts';
import { openClients, openSteps } from '../mirror/support.ts';
import { bindOptions, KEY } from '../support/bindings.ts';
import { INSIDE, limits, openDeliveryWorld } from '../support/delivery-world.ts';

export type TownOptions = RegulatorOptions & { limits?: Partial<DeliveryLimits>; regions?: Region[] };
export type Town = Awaited<ReturnType<typeof openTown>>;

/**
 * The whole service but for its loops, on a database of its own and a virtual clock: events go in by the intake's push, profiles and tariffs by the
 * mirror that reads simulated neighbours, ids by the bindings, reports out to a simulated regulator. Nothing happens but by hand.
 */
export async function openTown(options: TownOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const neighbours = stack.use(await openNeighbours());
  const mirrorClients = stack.use(openClients(neighbours));
  const places = openPlaces(() => now());
  const licences = openLicences();
  const { trackstory } = places;
  const world = stack.use(await openDeliveryWorld({ ...options, trackstory, personal: licences.personal }));
  const { db, delivery, regulator } = world;
  const mirror = openSteps(db, mirrorClients);
  const intake = stack.use(openTestIntake(db));
  await mirror.all(); // the first load wakes nobody: what comes from now on is news
  await delivery.sweepOnce(); // the rules of the start are known, and are not news
  const opened = stack.move();
  let shift = 0;
  let lastEventMs = 0;
  const now = () => Date.now() + shift;

  const town = {
    ...world,
    neighbours,
    places,
    licences: licences.state,
    mirror,
    intake,
    now,
    async advance(ms: number) {
      shift += ms;
      await world.advance(ms);
    },
    /** driver-profiles says whose profiles these are (null: nobody's). New ones are inside and work by econom. */
    async profiles(people: Record<string, string | null>) {
      for (const [profile, person] of Object.entries(people)) {
        const known = neighbours.data.profiles.get(profile);
        neighbours.data.putProfile(refOf(profile), person);
        if (known) continue;
        neighbours.data.putCategories(refOf(profile), ['econom']);
        places.put(profile, INSIDE);
      }
      await mirror.all();
    },
    async deleteProfile(profile: string) {
      neighbours.data.deleteProfile(refOf(profile));
      await mirror.all();
    },
    async tariffs(profile: string, categories: string[]) {
      neighbours.data.putCategories(refOf(profile), categories);
      await mirror.all();
    },
    /** The driver of a profile sets an id, which the regulator gave to this very person. */
    async bind(profile: string, id: string) {
      const deptransId = parseDeptransId(id)!;
      const caller = await readCaller(db, refOf(profile), deptransId);
      if (typeof caller === 'string') throw new Error(caller);
      regulator.registry.put(id, `licence of ${caller.person}`);
      const checked = { driver: refOf(profile), deptransId, ...caller };
      expect(await inTransaction(db, (tx) => bind(tx, checked, bindOptions))).toMatchObject({ state: 'bound' });
    },
    unbind: (person: string) => inTransaction(db, (tx) => unbind(tx, person, { journalKey: KEY, reason: 'operator' })),
    /** Events as one push, `p/1 online`, each a moment later than the one before, or `agoMs` before now. */
    events(lines: string[], { agoMs = 0 } = {}) {
      const pushed = lines.map((line) => {
        const [profile = '', status = ''] = line.split(' ');
        lastEventMs = agoMs > 0 ? now() - agoMs : Math.max(now(), lastEventMs + 1);
        const word = status.toUpperCase() as 'OFFLINE' | 'ONLINE' | 'BUSY';
        const event = { status: ContractorStatus[word], eventAt: timestampFromMs(lastEventMs) };
        return create(ContractorStatusEventSchema, { ...refOf(profile), ...event });
      });
      return intake.takeEvents(pushed, new AbortController().signal);
    },
    /** Events, and everything that follows of them at once. */
    async on(...lines: string[]) {
      await town.events(lines);
      await delivery.runOnce();
    },
    /** Time passes as it does for the loops: a sweep each `sweepMs`, and then whatever is due. Coarser steps for long times. */
    async pass(ms: number, stepMs = limits.sweepMs) {
      for (let left = ms; left > 0; left -= stepMs) {
        await town.advance(Math.min(left, stepMs));
        await delivery.sweepOnce();
        await delivery.runOnce();
      }
    },
    /** What the regulator was told of an id, oldest first: true = CONNECTED. */
    told: (id: string) =>
      regulator.calls.of(id).flatMap(({ kind, connected }) => (kind === 'status' ? [connected] : [])),
    /** How often the regulator was asked whether an id is of a licence. */
    checks: (id: string) => regulator.calls.of(id).filter(({ kind }) => kind === 'check').length,
    /** How a profile's id stands, as its driver is told: `bound 7`. */
    async standing(profile: string) {
      const caller = await readCaller(db, refOf(profile), null);
      if (typeof caller === 'string') return caller;
      return [caller.binding?.state ?? 'unbound', caller.binding?.deptransId ?? ''].join(' ').trim();
    },
    /** How the events of the past ended, and why those in the queue wait. */
    async ends() {
      const { ended, waiting } = await readBalance(db);
      return Object.fromEntries([
        ...ended.map(({ outcome, reason, n }) => [reason === '' ? outcome : `${outcome} ${reason}`, n]),
        ...waiting.map(({ parked, reason, n }) => [`${parked ? 'parked' : 'pending'} ${reason}`, n]),
      ]);
    },
    async repaired() {
      const metric = world.metrics.registry.getSingleMetric('deptrans_sweep_repaired_total');
      const { values } = await metric!.get();
      return values.reduce((sum, { value }) => sum + Number(value), 0);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
  await town.advance(LONG_AGO_MS);
  return town;
}

/** Since the start: by then nothing that the sweep finds is put down to the rules of the start. */
const LONG_AGO_MS = 180_000;

/** Where profiles are, in the place of driver-trackstory. */
function openPlaces(now: () => number) {
  const points = new Map<string, Point & { ageMs: number }>();
  const asked: string[] = [];
  const state = { away: false };
  const trackstory: Trackstory = {
    positions(drivers) {
      const names = drivers.map(({ parkId, driverId }) => `${parkId}/${driverId}`);
      asked.push(...names);
      if (state.away) return Promise.reject(new Error('away'));
      const found = names.flatMap((name) => {
        const at = points.get(name);
        return at ? [{ ...refOf(name), point: at, recordedAt: new Date(now() - at.ageMs) }] : [];
      });
      return Promise.resolve(found);
    },
  };
  return {
    trackstory,
    state,
    /** Of whom was asked, in order. */
    asked,
    put(profile: string, point: Point | null, ageMs = 0) {
      if (point) points.set(profile, { ...point, ageMs });
      else points.delete(profile);
    },
  };
}

/** Who has which licence, in the place of service personal: each person one of their own. */
function openLicences() {
  const state = { away: false, unknown: new Set<string>(), asked: 0 };
  const personal: Pick<Personal, 'licenceNumbers'> = {
    licenceNumbers(people) {
      state.asked += 1;
      if (state.away) return Promise.reject(new Error('away'));
      const known = people.filter((person) => !state.unknown.has(person));
      return Promise.resolve(
        new Map(known.map((person) => [person, new Masked<'LicenceNumber'>(`licence of ${person}`)])),
      );
    },
  };
  return { personal, state };
}

export function refOf(profile: string): { parkId: string; driverId: string } {
  const [parkId = '', driverId = ''] = profile.split('/');
  return { parkId, driverId };
}

/**
 * A test in a town of its own. Whatever it shows, at its end nothing may be left for the sweep that an event should have woken, each event is accounted
 * for, and no two calls about one id were under way at once.
 */
export function inTown(name: string, body: (town: Town) => Promise<void>, options: TownOptions = {}): void {
  test(name, async () => {
    await using town = await openTown(options);
    await body(town);
    await town.advance(limits.sweepMs + 1_000);
    await town.delivery.sweepOnce();
    expect(await town.repaired()).toBe(0);
    expect((await readBalance(town.db)).difference).toBe(0);
    expect(town.regulator.calls.overlapping).toBe(0);
  });
}
