import { sql } from 'kysely';
import type { DriverPosition } from '../../src/clients/trackstory.ts';
import type { DriverStatus } from '../../src/domain/driver-status.ts';
import type { Point, Region } from '../../src/domain/region.ts';
import type { SessionStatus } from '../../src/domain/session.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { changeBindings } from '../../src/store/binding-changes.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { takeEvents } from '../../src/store/intake.ts';
import { lockMapping } from '../../src/store/locks.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { writeMappings } from '../../src/store/mirror-profiles.ts';
import { publish } from '../../src/store/publish.ts';
import { putRules } from '../../src/store/rules.ts';
import { upsertSessions } from '../../src/store/sessions.ts';
import { readSupplyNow } from '../../src/store/supply-figures.ts';
import {
  openSupply,
  type Policies,
  type RegionFigures,
  type Supply,
  type SupplyLimits,
} from '../../src/supply/supply.ts';
import { compilePolicy, type Policy, type RegionPolicy } from '../../verdict/verdict.ts';
import { openTestDatabase } from '../support/database.ts';
import { INSIDE, OUTSIDE, square } from '../support/delivery-world.ts';

export { INSIDE, OUTSIDE };
export const START = Date.UTC(2026, 0, 10, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Beside Moscow, where Tver is: a square of its own. */
export const IN_TVER: Point = { lon: 35.9, lat: 56.9 };
const tverRing = [35, 36.5].flatMap((lon, i) =>
  i === 0
    ? [
        [lon, 56.5],
        [lon, 57.5],
      ]
    : [
        [lon, 57.5],
        [lon, 56.5],
      ],
);
export const REGIONS: Region[] = [
  square,
  {
    ...square,
    id: 'tver',
    tariffs: ['econom'],
    area: {
      rings: [[...tverRing, tverRing[0]!] as [number, number][]],
      box: { west: 35, east: 36.5, south: 56.5, north: 57.5 },
    },
  },
];

const LIMITS: SupplyLimits = {
  pollMs: 1_000,
  leaseMs: 60_000,
  minuteMs: 0,
  lostMs: 600_000,
  maxSilenceMs: 24 * HOUR,
  placesPerRound: 1_000,
  placeMs: 2 * MINUTE,
  reportMs: 0,
  positionMaxAgeMs: HOUR,
};

const signal = new AbortController().signal;
export type SupplyWorld = Awaited<ReturnType<typeof openSupplyWorld>>;

/** What supply counts, over a database of its own in a time that stands still but for `advance`; rounds are made by hand. */
export async function openSupplyWorld(given: Partial<SupplyLimits> = {}) {
  const stack = new AsyncDisposableStack();
  const { db } = stack.use(await openTestDatabase());
  let now = START;
  await setClock(db, now);
  await putRules(db, REGIONS);
  const clock: Clock = { ...systemClock, now: () => now, monotonic: () => now };
  const log = openLog('silent');
  const places = new Map<string, Point & { at?: number }>();
  const trackstory = { away: false, asked: 0 };
  const positions = (drivers: readonly { parkId: string; driverId: string }[]): Promise<DriverPosition[]> => {
    if (trackstory.away) return Promise.reject(new Error('away'));
    trackstory.asked += drivers.length;
    const found = drivers.flatMap(({ parkId, driverId }): DriverPosition[] => {
      const point = places.get(`${parkId}/${driverId}`);
      return point ? [{ parkId, driverId, point, recordedAt: new Date(point.at ?? now) }] : [];
    });
    return Promise.resolve(found);
  };
  let inForce = inForceOf(policyOf());

  const open = (instance: string): Supply & { round(): Promise<void>; metricsText(): Promise<string> } => {
    const metrics = openMetrics(clock);
    const supply = openSupply({
      db,
      trackstory: { positions },
      inForce: () => inForce,
      limits: { ...LIMITS, ...given },
      instance,
      lifetime: openLifetime(),
      clock,
      log,
      metrics,
      byHand: true,
    });
    const round = async () => {
      await supply.runOnce(signal);
      if ((await supply.findPlaces(signal)) > 0) await supply.runOnce(signal);
    };
    return { ...supply, round, metricsText: () => metrics.registry.metrics() };
  };
  const personNo = async (person: string) => {
    const { rows } = await sql<{ no: number }>`
      select person_no as no from deptrans.persons where driver_license_pd_id = ${person}`.execute(db);
    return rows[0]!.no;
  };
  let changeNo = 0;
  const mode = () => {
    changeNo += 1;
    return { changeNo, touch: false, quiet: false };
  };

  return {
    db,
    places,
    trackstory,
    open,
    clock,
    now: () => now,
    async advance(ms: number) {
      now += ms;
      await setClock(db, now);
    },
    enforce(policy: Policy) {
      inForce = inForceOf(policy);
    },
    /** A profile, and whose it is; `null` and no tariffs: it is there without a licence; deleted if `gone`. */
    async profile(key: string, person: string | null, categories: readonly string[] | null = ['econom'], gone = false) {
      const ref = refOf(key);
      await inTransaction(db, async (tx) => {
        await publish(tx, await writeMappings(tx, [{ ...ref, person, deleted: gone }], mode()));
      });
      if (categories)
        await inTransaction(db, (tx) => writeCategories(tx, [{ ...ref, categories: [...categories] }], mode()));
    },
    tariffs: (key: string, categories: readonly string[]) =>
      inTransaction(db, (tx) => writeCategories(tx, [{ ...refOf(key), categories: [...categories] }], mode())),
    async status(key: string, status: DriverStatus) {
      now += 1;
      await setClock(db, now);
      const batch = {
        topic: 'push',
        partition: 0,
        place: null,
        length: 1,
        offsetOf: () => -1,
        eventOf: () => ({ ...refOf(key), status, eventAtMs: now }),
        payloadOf: () => new Uint8Array(),
      };
      await inTransaction(db, (tx) => takeEvents(tx, batch, { maxSilenceMs: LIMITS.maxSilenceMs }));
    },
    async bind(person: string, to: string | null) {
      const no = await personNo(person);
      await inTransaction(db, async (tx) => {
        await lockMapping(tx);
        const { rows } = await sql<{ id: string | null }>`
          select deptrans_id as id from deptrans.profiles where driver_license_pd_id = ${person}`.execute(tx);
        await changeBindings(tx, [{ person, personNo: no, from: rows[0]?.id ?? null, to }], {
          journalKey: 'k',
          reason: 'checked',
        });
      });
    },
    async session(
      person: string,
      status: SessionStatus | null,
      endsAt: number | null = null,
      region: string | null = 'moscow',
    ) {
      const no = await personNo(person);
      const session = status && {
        status,
        raw: null,
        endsAt: endsAt === null ? null : new Date(endsAt),
        endIsEstimate: false,
      };
      await inTransaction(db, async (tx) => {
        const sessions = await upsertSessions(tx, [{ person, personNo: no, deptransId: '1', region, session }]);
        await publish(tx, { sessions });
      });
    },
    async figures(region = 'moscow'): Promise<RegionFigures> {
      const found = (await readSupplyNow(db)).find((row) => row.region === region);
      return (found?.figures ?? []) as RegionFigures;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The policy in force, of these regions; those that are not named observe. */
export function policyOf(
  regions: Partial<Record<string, Partial<RegionPolicy>>> = {},
  rest: Partial<Policy> = {},
): Policy {
  const all = REGIONS.map(({ id, on, tariffs }): RegionPolicy => {
    return { id, on, tariffs, steppedBack: false, endsSoonMs: 0, rules: [], ...regions[id] };
  });
  return { version: 1, suspended: false, maxDataAgeMs: MINUTE, regions: all, ...rest };
}

function inForceOf(policy: Policy): Policies {
  const regions = policy.regions.map((region) => ({ ...region, steppedBack: false }));
  return { compiled: compilePolicy(policy), asPut: compilePolicy({ ...policy, regions }) };
}

/** Figures in one line each: tariff, then connected, failing, unknown, blocked; and what the checks say, the commonest last. */
export function shown(figures: RegionFigures): Record<string, string> {
  const tariffs = figures
    .filter(({ connected }) => connected.people > 0)
    .map(({ category, connected, failing, unknown, blocked, reasons }): [string, string] => {
      const said = reasons
        .filter(({ people }) => people.people > 0)
        .map(
          ({ check, reason, people, blocked: of }) =>
            `${check === 'session' ? 's' : 'i'}:${reason}=${people.people}/${of.people}`,
        );
      const sums = [connected, failing, unknown, blocked].map(({ people }) => people).join(' ');
      return [category || 'any', `${sums} ${said.sort().join(' ')}`];
    });
  return Object.fromEntries(tariffs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function refOf(key: string): { parkId: string; driverId: string } {
  const [parkId = '', driverId = ''] = key.split('/');
  return { parkId, driverId };
}

async function setClock(db: Db, ms: number): Promise<void> {
  await sql`create or replace function deptrans.now() returns timestamptz language sql volatile parallel safe as ${sql.lit(
    `select to_timestamp(${ms}::float8 / 1000)`,
  )}`.execute(db);
}
