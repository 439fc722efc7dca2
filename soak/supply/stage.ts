import type { LossCounts } from '../../simulator/judge/loss.ts';
import type { DriverPosition } from '../../src/clients/trackstory.ts';
import { areaOf, type Point, type Region } from '../../src/domain/region.ts';
import { openIntake } from '../../src/intake/intake.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { type Db, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { putRules } from '../../src/store/rules.ts';
import { readSupplyNow } from '../../src/store/supply-figures.ts';
import { openSupply, type Policies, type RegionFigures, type Supply } from '../../src/supply/supply.ts';
import { setClock } from '../world.ts';
import type { Deed, Driver } from './driver.ts';
import { TARIFFS } from './law.ts';
import { openTeller, writeLicences, writeTariffs } from './teller.ts';

const leaseMs = 10_000;
const pageOfDrivers = 2_000;
const placeMs = 120_000;

/** Two instances that count, over a database of their own, in a time that stands still but for `advance`. */
export type Stage = AsyncDisposable & {
  readonly db: Db;
  readonly clock: Clock;
  now(): number;
  /** Everybody, on the instance that counts. */
  census: Supply['census'];
  advance(ms: number): Promise<void>;
  tell(deeds: readonly Deed[]): Promise<void>;
  enforce(policies: Policies): void;
  readonly trackstory: { away: boolean };
  /** Every instance does what it does in some seconds. */
  round(): Promise<void>;
  /** Time passes in which nothing is told, and then a round is made. */
  pass(ms: number): Promise<void>;
  /** Whoever counts is gone, without a word, and another instance comes. */
  kill(): Promise<void>;
  /** What the figures say, under the judge's names. */
  counted(): Promise<LossCounts>;
};

export async function openStage(databaseUrl: string, drivers: readonly Driver[], silenceMs: number): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const log = openLog('error');
  let now = Date.UTC(2026, 0, 10);
  const clock: Clock = { ...systemClock, now: () => now, monotonic: () => now };
  const metrics = openMetrics(clock);
  const { db } = stack.use(
    openDatabase({
      url: databaseUrl,
      maxConnections: 6,
      statementTimeoutMs: 300_000,
      connectTimeoutMs: 300_000,
      applicationName: 'soak',
      log,
      timer: metrics.timer('store'),
    }),
  );
  await migrate(db);
  await setClock(db, now, true);
  await putRules(db, REGIONS);
  for (let i = 0; i < drivers.length; i += pageOfDrivers) {
    const page = drivers.slice(i, i + pageOfDrivers);
    await writeLicences(db, page);
    await writeTariffs(
      db,
      page.flatMap(({ profiles }) => profiles),
    );
  }
  const tell = openTeller(
    db,
    openIntake({
      db,
      source: null,
      pushSlot: 0,
      maxSilenceMs: silenceMs,
      clock,
      log,
      metrics,
    }),
  );
  const byProfile = new Map(
    drivers.flatMap((driver) => driver.profiles.map((profile) => [`${profile.parkId}/${profile.driverId}`, driver])),
  );
  const trackstory = {
    away: false,
    positions(asked: readonly { parkId: string; driverId: string }[]): Promise<DriverPosition[]> {
      if (this.away) return Promise.reject(new Error('away'));
      const recordedAt = new Date(now);
      return Promise.resolve(
        asked.map(({ parkId, driverId }) => ({
          parkId,
          driverId,
          point: pointOf(byProfile.get(`${parkId}/${driverId}`)!.place),
          recordedAt,
        })),
      );
    },
  };
  let policies: Policies | null = null;
  let born = 0;
  const open = (): Supply =>
    openSupply({
      db,
      trackstory,
      inForce: () => policies!,
      limits: {
        pollMs: 1_000,
        leaseMs,
        minuteMs: 0,
        lostMs: 3_600_000,
        maxSilenceMs: silenceMs,
        placesPerRound: 5_000,
        placeMs,
        reportMs: 0,
        positionMaxAgeMs: 600_000,
      },
      instance: `instance-${born++}`,
      lifetime: openLifetime(),
      clock,
      log,
      metrics: openMetrics(clock),
      byHand: true,
    });
  let instances = [open(), open()];
  const never = new AbortController().signal;
  const advance = async (ms: number) => {
    now += ms;
    await setClock(db, now, true);
  };
  const findAll = async (one: Supply): Promise<boolean> => {
    if (trackstory.away)
      return one.findPlaces(never).then(
        (n) => n > 0,
        () => true,
      );
    let asked = 0;
    for (let n = await one.findPlaces(never); n > 0; n = await one.findPlaces(never)) asked += n;
    return asked > 0;
  };
  const round = async () => {
    for (const one of instances) {
      await one.runOnce(never);
      if (await findAll(one)) await one.runOnce(never);
    }
  };

  return {
    db,
    clock,
    now: () => now,
    census: () => instances.map((one) => one.census()).find((census) => census !== null) ?? null,
    advance,
    tell,
    round,
    enforce(given) {
      policies = given;
    },
    trackstory,
    async pass(ms) {
      await advance(ms);
      await round();
    },
    async kill() {
      instances = [...instances.filter((one) => one.census() === null), open()];
      await advance(leaseMs + 1);
    },
    async counted() {
      const rows = await readSupplyNow(db);
      return Object.assign({}, ...rows.map(({ region, figures }) => namesOf(region, figures as RegionFigures)));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const squareOf = (west: number, south: number) =>
  areaOf([
    [
      [west, south],
      [west + 1, south],
      [west + 1, south + 1],
      [west, south + 1],
      [west, south],
    ],
  ]);
const base = { on: true, exitBufferMeters: 0, dwellMs: 0 };
export const REGIONS: Region[] = [
  { ...base, id: 'moscow', tariffs: TARIFFS.moscow, area: squareOf(37, 55) },
  { ...base, id: 'tver', tariffs: TARIFFS.tver, area: squareOf(35, 56) },
];

function pointOf(place: string | null): Point {
  if (place === 'moscow') return { lon: 37.5, lat: 55.5 };
  return place === 'tver' ? { lon: 35.5, lat: 56.5 } : { lon: 50, lat: 55 };
}

function namesOf(region: string, figures: RegionFigures): LossCounts {
  const counts: LossCounts = {};
  const set = (name: string, people: number) => {
    if (people > 0) counts[`${region} ${name}`] = people;
  };
  for (const { category, connected, failing, unknown, blocked, reasons } of figures) {
    const tariff = category || 'any';
    set(`${tariff} connected`, connected.people);
    set(`${tariff} failing`, failing.people);
    set(`${tariff} unknown`, unknown.people);
    set(`${tariff} blocked`, blocked.people);
    for (const { check, reason, people, blocked: of } of reasons) {
      set(`${tariff} ${check} ${reason}`, people.people);
      set(`${tariff} ${check} ${reason} blocked`, of.people);
    }
  }
  return counts;
}
