import { sql } from 'kysely';
import { openRegulator, type RegulatorOptions, type RegulatorServer } from '../simulator/regulator/regulator.ts';
import type { DriverPosition } from '../src/clients/trackstory.ts';
import { limitsSchema } from '../src/config-schema.ts';
import { type Delivery, type DeliveryLimits, openDelivery } from '../src/delivery/delivery.ts';
import { areaOf, type Point, type Region } from '../src/domain/region.ts';
import { type Intake, openIntake } from '../src/intake/intake.ts';
import { openMoscow } from '../src/regulator/moscow.ts';
import type { Regulator } from '../src/regulator/regulator.ts';
import { type Clock, systemClock } from '../src/runtime/clock.ts';
import { openLifetime } from '../src/runtime/lifetime.ts';
import { openLog } from '../src/runtime/log.ts';
import { Masked } from '../src/runtime/masked.ts';
import { type Metrics, openMetrics } from '../src/runtime/metrics.ts';
import { type Db, openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { putRules } from '../src/store/rules.ts';
import { openTokenStore } from '../src/store/tokens.ts';

export const inside: Point = { lon: 37.6, lat: 55.75 };
export const outside: Point = { lon: 50, lat: 55 };
export const journalKey = 'a key for the soaks';

export const dwellMs = 30 * 60_000;

/** Where time stands still, a call has all the real time that it wants. */
const patienceMs = 3_600_000;

const region: Region = {
  id: 'moscow',
  on: true,
  tariffs: ['econom', 'business'],
  area: areaOf([
    [
      [37, 55],
      [38, 55],
      [38, 56],
      [37, 56],
      [37, 55],
    ],
  ]),
  exitBufferMeters: 2_000,
  dwellMs,
};

/** Intake and delivery in this process, driven by hand (`runOnce`), on a database of their own, with a simulated regulator. */
export type World = AsyncDisposable & {
  readonly db: Db;
  readonly intake: Intake;
  readonly delivery: Delivery;
  /** Another instance of delivery, with a balance slot of its own; disposed with the world. */
  addDelivery(instance: string): Delivery;
  readonly regulator: RegulatorServer;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Where profiles are, by `park/driver`. What is missing is unknown. */
  readonly places: Map<string, Point>;
  /** Moves the clocks of all of them. */
  advance(ms: number): Promise<void>;
  /** Sets the database's clock to what the service's clock, given as an option, says now. */
  tellTime(): Promise<void>;
  /** Puts other rules in force: the region is on, or off. */
  switchRegion(on: boolean): Promise<void>;
};

export type WorldOptions = {
  /** An empty database, or one with the service's schema and nothing in it. Its `deptrans.now()` is replaced by a clock that can be moved. */
  databaseUrl: string;
  /** Time stands still but for `advance`, so that neither the machine nor its load decide what is late. Else it goes on in between. */
  stepped?: boolean;
  /** The clock of the service, if it is to go otherwise. The database's has to be told by `tellTime`. */
  clock?: Clock;
  /** Stands between delivery and the regulator. */
  between?: (regulator: Regulator) => Regulator;
  regulator?: RegulatorOptions;
  limits?: Partial<DeliveryLimits & { connectTimeoutMs: number }>;
};

export async function openWorld(options: WorldOptions): Promise<World> {
  const stack = new AsyncDisposableStack();
  const { stepped = false } = options;
  const beganMs = Date.now();
  let shift = 0;
  const now = options.clock?.now ?? (() => (stepped ? beganMs : Date.now()) + shift);
  const clock = options.clock ?? { ...systemClock, now };
  const log = openLog('error');
  const metrics = openMetrics(clock);
  const byDefault = limitsSchema.parse({});
  const limits = {
    ...byDefault.regulator,
    ...byDefault.delivery,
    maxRate: 1_000_000,
    startRate: 1_000_000,
    ...options.limits,
  };
  const { db } = stack.use(
    openDatabase({
      url: options.databaseUrl,
      maxConnections: 10,
      statementTimeoutMs: 300_000,
      connectTimeoutMs: 300_000,
      applicationName: 'soak',
      log,
      timer: metrics.timer('store'),
    }),
  );
  await migrate(db);
  const stands = stepped || options.clock !== undefined;
  await setClock(db, stands ? now() : 0, stands);
  await putRules(db, [region]);
  const regulator = stack.use(await openRegulator({ maxCalls: 10_000, ...options.regulator, now }));
  const moscow = stack.use(
    openMoscow({
      baseUrl: regulator.url,
      login: 'service',
      password: new Masked<'Password'>('secret'),
      deadlineMs: stands ? patienceMs : limits.deadlineMs,
      connectTimeoutMs: stands ? patienceMs : limits.connectTimeoutMs,
      renewAfterMs: 3_600_000,
      maxConnections: limits.maxInFlight,
      capabilities: { ...limits, maxBatch: 1, maxRequestLifeMs: limits.quietMs },
      tokens: openTokenStore(db, 'moscow'),
      clock,
      timer: metrics.timer('regulator'),
    }),
  );
  const places = new Map<string, Point>();
  const trackstory = {
    positions(drivers: readonly { parkId: string; driverId: string }[]): Promise<DriverPosition[]> {
      const recordedAt = new Date(now());
      const known = drivers.flatMap(({ parkId, driverId }) => {
        const point = places.get(`${parkId}/${driverId}`);
        return point ? [{ parkId, driverId, point, recordedAt }] : [];
      });
      return Promise.resolve(known);
    },
  };
  const personal = { licenceNumbers: () => Promise.resolve(new Map()) };
  const common = { db, clock, log, metrics, lifetime: openLifetime(), instance: 'soak' };
  const intake = stack.use(openIntake({ ...common, source: null, pushSlot: 0, maxSilenceMs: limits.maxSilenceMs }));
  const port = options.between?.(moscow) ?? moscow;
  const addDelivery = (instance: string) =>
    stack.use(
      openDelivery({ ...common, regulator: port, trackstory, personal, limits, slot: instance, instance, journalKey }),
    );
  const delivery = addDelivery('delivery/0');
  return {
    db,
    intake,
    delivery,
    addDelivery,
    regulator,
    metrics,
    clock,
    places,
    async advance(ms) {
      shift += ms;
      await setClock(db, stands ? now() : shift, stands);
    },
    tellTime: () => setClock(db, now(), true),
    switchRegion: (on) => putRules(db, [{ ...region, on }]),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The database's clock: at `ms` since 1970, or `ms` ahead. As a constant in the function's text, so that asking for the time costs nothing. */
export async function setClock(db: Db, ms: number, stands: boolean): Promise<void> {
  const body = stands ? `to_timestamp(${ms}::float8 / 1000)` : `clock_timestamp() + ${ms} * interval '1 ms'`;
  await sql`create or replace function deptrans.now() returns timestamptz language sql volatile parallel safe as ${sql.lit(`select ${body}`)}`.execute(
    db,
  );
}
