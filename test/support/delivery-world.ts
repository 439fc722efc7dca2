import { sql } from 'kysely';
import { expect } from 'vitest';
import { openRegulator, type RegulatorOptions } from '../../simulator/regulator/regulator.ts';
import type { Personal } from '../../src/clients/personal.ts';
import type { DriverPosition, Trackstory } from '../../src/clients/trackstory.ts';
import { type DeliveryLimits, openDelivery } from '../../src/delivery/delivery.ts';
import { areaOf, type Region } from '../../src/domain/region.ts';
import { openMoscow } from '../../src/regulator/moscow.ts';
import type { Regulator } from '../../src/regulator/regulator.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { type LogLevel, openLog } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { inTransaction } from '../../src/store/database.ts';
import { putRules } from '../../src/store/rules.ts';
import { openTokenStore } from '../../src/store/tokens.ts';
import { wake } from '../../src/store/wake.ts';
import { openTestDatabase } from './database.ts';
import { openHeldAnswers } from './held-answers.ts';

export const INSIDE = { lon: 37.6, lat: 55.75 };
export const OUTSIDE = { lon: 50, lat: 55 };

export const square: Region = {
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
  dwellMs: 30 * 60_000,
};

/** What passes in real time is so long that only tests which mean it to come to its end see it: a busy machine must not make outcomes unknown. */
export const limits: DeliveryLimits = {
  leaseMs: 60_000,
  deadlineMs: 20_000,
  slackMs: 20_000,
  quietMs: 30_000,
  verifyAfterMs: 600_000,
  positionRetryMs: 30_000,
  positionMaxAgeMs: 300_000,
  parkMs: 900_000,
  maxParkMs: 6 * 3_600_000,
  retryMs: 60_000,
  maxRetryMs: 3_600_000,
  maxRetryAfterMs: 600_000,
  sessionEndSlackMs: 60_000,
  refreshMs: 86_400_000,
  issuedReadMs: 86_400_000,
  canReadSession: true,
  ordersByOccurredAt: false,
  repeatIsHarmless: true,
  maxAgeMs: 86_400_000,
  maxSilenceMs: 86_400_000,
  personRetryMs: 30_000,
  batch: 100,
  maxInFlight: 100,
  maxRate: 100_000,
  startRate: 100_000,
  failuresToShut: 5,
  probeMs: 60_000,
  pauseMs: 20,
  settleLingerMs: 1,
  failoverLagMs: 60_000,
  failoverDoubtMs: 600_000,
  sweepMs: 30_000,
  sweepLookMs: 1_000,
  sweepPage: 100,
  sweepPositionsPerSecond: 1_000_000,
  driftPerDay: 1_000,
};

/**
 * A database, a simulated regulator and delivery between them, with people that a test places by hand. Disposing fails if a sweep had to repair what a
 * wake should have done, unless the test has lost the wake itself (`losesWakes`).
 */
export async function openDeliveryWorld(
  options: RegulatorOptions & {
    limits?: Partial<DeliveryLimits>;
    regions?: Region[];
    trackstory?: Trackstory;
    personal?: Pick<Personal, 'licenceNumbers'>;
    maxBatch?: number;
    /** Whom delivery calls instead of the simulated Moscow. */
    adapter?: Regulator;
    losesWakes?: boolean;
  } = {},
) {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  const { db } = database;
  let shift = 0;
  const now = () => Date.now() + shift;
  const regulator = stack.use(await openRegulator({ ...options, now }));
  const clock = { ...systemClock, now };
  const log = openLog((process.env['TEST_LOG'] as LogLevel | undefined) ?? 'silent');
  const metrics = openMetrics(clock);
  const lifetime = openLifetime();
  const given = { ...limits, ...options.limits };
  const positions = new Map<string, DriverPosition>();
  const trackstory = { away: false };
  const moscow = stack.use(
    openMoscow({
      baseUrl: regulator.url,
      login: 'service',
      password: new Masked<'Password'>('secret'),
      deadlineMs: given.deadlineMs,
      connectTimeoutMs: 20_000,
      renewAfterMs: 3_600_000,
      maxConnections: 100,
      capabilities: {
        maxBatch: options.maxBatch ?? 1,
        canReadSession: given.canReadSession,
        ordersByOccurredAt: given.ordersByOccurredAt,
        repeatIsHarmless: given.repeatIsHarmless,
        maxRequestLifeMs: given.quietMs,
      },
      tokens: openTokenStore(db, 'moscow'),
      clock,
      timer: metrics.timer('regulator'),
    }),
  );
  const answers = openHeldAnswers(options.adapter ?? moscow);
  await putRules(db, options.regions ?? [square]);
  const open = (instance: string) =>
    openDelivery({
      db,
      regulator: answers.regulator,
      trackstory: options.trackstory ?? {
        positions(drivers) {
          if (trackstory.away) return Promise.reject(new Error('away'));
          const found = drivers.flatMap(({ parkId, driverId }) => positions.get(`${parkId}/${driverId}`) ?? []);
          return Promise.resolve(found.map((position) => ({ ...position, recordedAt: new Date(now()) })));
        },
      },
      personal: options.personal ?? licencesOf,
      limits: given,
      slot: instance,
      instance,
      journalKey: 'key',
      lifetime,
      clock,
      log,
      metrics,
    });
  const delivery = stack.use(open('one'));
  let version = 0;

  return {
    db,
    regulator,
    moscow,
    metrics,
    lifetime,
    /** Holds back what the regulator answers to such calls; returns what lets go. */
    hold: answers.hold,
    trackstory,
    delivery,
    open,
    /** Moves the database's and the regulator's clocks. */
    async advance(ms: number) {
      shift += ms;
      await database.advance(ms);
    },
    place(profile: string, point: { lon: number; lat: number } | null) {
      const [parkId, driverId] = split(profile);
      if (point) positions.set(profile, { parkId, driverId, point, recordedAt: new Date(0) });
      else positions.delete(profile);
    },
    /** A profile of a person, by tariffs. */
    async person(person: string, profile: string, categories = ['econom']) {
      const [park, driver] = split(profile);
      await sql`insert into deptrans.persons (driver_license_pd_id) values (${person}) on conflict do nothing`.execute(
        db,
      );
      await sql`insert into deptrans.driver_persons (park_id, driver_id, driver_license_pd_id, person_no, categories)
        select ${park}, ${driver}, ${person}, person_no, ${categories} from deptrans.persons where driver_license_pd_id = ${person}`.execute(
        db,
      );
    },
    /** Binds an id that the regulator knows. */
    async bind(person: string, id: string) {
      regulator.registry.put(id, `licence of ${person}`);
      await sql`insert into deptrans.profiles (driver_license_pd_id, person_no, deptrans_id, updated_at)
        select ${person}, person_no, ${id}, deptrans.now() from deptrans.persons where driver_license_pd_id = ${person}
        on conflict (driver_license_pd_id) do update set deptrans_id = excluded.deptrans_id`.execute(db);
      await sql`insert into deptrans.reports (deptrans_id) values (${id}) on conflict do nothing`.execute(db);
      await inTransaction(db, (tx) => wake(tx, [id]));
    },
    /** What intake would store for one event. */
    async event(profile: string, status: 'online' | 'busy' | 'offline', at = new Date(now())) {
      const [park, driver] = split(profile);
      version += 1;
      await sql`insert into deptrans.driver_states as s (park_id, driver_id, status, connected_at, event_at, source_gen, source_offset, seen_at)
        values (${park}, ${driver}, ${status}, ${status === 'offline' ? null : at}, ${at}, 1, ${version}, ${at})
        on conflict (park_id, driver_id) do update set status = excluded.status, event_at = excluded.event_at, seen_at = excluded.seen_at,
          source_offset = excluded.source_offset,
          connected_at = case when s.status = 'offline' then excluded.connected_at else s.connected_at end`.execute(db);
      await sql`insert into deptrans.status_queue as q (park_id, driver_id, status, event_at, queued_at, carries_event, due_at)
        values (${park}, ${driver}, ${status}, ${at}, deptrans.now(), true, deptrans.now())
        on conflict (park_id, driver_id) do update set status = excluded.status, event_at = excluded.event_at,
          version = nextval('deptrans.change_no'), due_at = excluded.due_at, wait_reason = null`.execute(db);
    },
    account: (id: string) =>
      db.selectFrom('deptrans.reports').selectAll().where('deptrans_id', '=', id).executeTakeFirstOrThrow(),
    session: (person: string) =>
      db
        .selectFrom('deptrans.session_statuses')
        .selectAll()
        .where('driver_license_pd_id', '=', person)
        .executeTakeFirst(),
    queue: () => db.selectFrom('deptrans.status_queue').selectAll().orderBy('park_id').orderBy('driver_id').execute(),
    /** What the regulator did, oldest first. */
    history: (id: string) => regulator.registry.find(id)!.history.map(({ what }) => what),
    isOpen: (id: string) => regulator.registry.shift(id, now())?.endedAtMs === null,
    async [Symbol.asyncDispose]() {
      await stack.disposeAsync();
      const repaired = await metrics.registry.getSingleMetric('deptrans_sweep_repaired_total')!.get();
      if (options.losesWakes !== true) expect(repaired.values).toEqual([]);
    },
  };
}

/** Of each person the licence that the regulator has on record. */
const licencesOf: Pick<Personal, 'licenceNumbers'> = {
  licenceNumbers: (people) =>
    Promise.resolve(new Map(people.map((person) => [person, new Masked<'LicenceNumber'>(`licence of ${person}`)]))),
};

function split(profile: string): [string, string] {
  const [park = '', driver = ''] = profile.split('/');
  return [park, driver];
}
