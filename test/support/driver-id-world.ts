import type { ServiceImpl } from '@connectrpc/connect';
import type { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { type DriverIdOptions, openDriverIdService } from '../../src/api/driver-id-service.ts';
import { type GuessLimits, openGuesses } from '../../src/api/guesses.ts';
import { openToAll } from '../../src/auth/auth.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { Masked } from '../../src/runtime/masked.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { openTestDatabase } from './database.ts';
import { type Edge, openEdge } from './edge.ts';
import { addPerson, completeMirror } from './people.ts';

export type CheckOutcome = Outcome<{ matches: boolean }>;

/** Budgets that no test runs out of by accident. */
export const GUESS_LIMITS: GuessLimits = {
  personAttempts: 1_000,
  personStepMs: 60_000,
  addressAttempts: 1_000,
  addressStepMs: 60_000,
  serviceAttempts: 1_000,
  serviceStepMs: 60_000,
};

/** Longer than a machine stands still: only a test that means a call to run out of time sees it happen. */
const AT_LEISURE_MS = 60_000;

export const matches = (value: boolean): CheckOutcome => ({ kind: 'accepted', value: { matches: value } });

export const DRIVER_ID_PATH = '/driver/v1/deptrans-status/v1/id';

type Answer = {
  status: number;
  reason?: string;
  retryAfter?: number;
  details?: { retryDelay?: string }[];
  id?: Record<string, unknown>;
};

export type DriverIdWorld = AsyncDisposable & {
  readonly db: Db;
  readonly edge: Edge;
  /** What the regulator was asked: `<id> licence of <person>`. */
  readonly checks: string[];
  /** What the regulator says next. */
  regulator(id: string, signal: AbortSignal): Promise<CheckOutcome> | CheckOutcome;
  /** What personal says next. */
  licences(): Map<string, Masked<'LicenceNumber'>>;
  /** The service over the same database, configured otherwise. */
  service(own?: Partial<DriverIdOptions>): ServiceImpl<typeof DriverIdService>;
  /** One more edge over it. */
  open(own: Partial<DriverIdOptions>): Promise<Edge>;
  get(driver: string, from?: Edge): Promise<Answer>;
  set(driver: string, id: string, from?: Edge, own?: { key?: string; address?: string }): Promise<Answer>;
};

/** The service of driver ids over a database and a socket. `ann` and `bob` drive in `park`; personal and the regulator are the test's. */
export async function openDriverIdWorld(): Promise<DriverIdWorld> {
  const database = await openTestDatabase();
  const { db } = database;
  for (const person of ['ann', 'bob']) await addPerson(db, person);
  await completeMirror(db);
  const service = (own: Partial<DriverIdOptions> = {}) =>
    openDriverIdService({
      db,
      personal: { licenceNumbers: () => Promise.try(() => world.licences()) },
      regulator: {
        checkId(id, licence, signal) {
          world.checks.push(`${id} ${licence.reveal()}`);
          return Promise.try(() => world.regulator(id, signal));
        },
      },
      journalKey: 'key',
      copy: { lookupId: () => null, sourceAgeMs: () => Number.POSITIVE_INFINITY },
      maxCopyAgeMs: 60_000,
      guesses: openGuesses({
        db,
        limits: GUESS_LIMITS,
        hashKey: 'key',
        readTimeoutMs: AT_LEISURE_MS,
        clock: systemClock,
        log: openLog('silent'),
        metrics: openMetrics(systemClock),
      }),
      idDisplayByApp: {},
      refusalStepMs: 1,
      clock: systemClock,
      idDisplay: 'full',
      callTimeoutMs: AT_LEISURE_MS,
      readTimeoutMs: AT_LEISURE_MS,
      ...own,
    });
  const open = (own?: Partial<DriverIdOptions>) => openEdge({ driverId: service(own) }, { auth: openToAll() });
  const edge = await open();
  const ask = async (driver: string, from: Edge, init: RequestInit = {}, address = ''): Promise<Answer> => {
    const headers = {
      'x-yataxi-park-id': 'park',
      'x-yataxi-driver-profile-id': driver,
      'content-type': 'application/json',
      ...(address && { 'x-forwarded-for': address }),
    };
    const response = await fetch(from.url + DRIVER_ID_PATH, { ...init, headers });
    const retryAfter = response.headers.get('retry-after');
    return {
      status: response.status,
      ...(retryAfter && { retryAfter: Number(retryAfter) }),
      ...((await response.json()) as object),
    };
  };
  const world: DriverIdWorld = {
    db,
    edge,
    checks: [],
    regulator: () => matches(true),
    licences: () => new Map(['ann', 'bob'].map((person) => [person, new Masked(`licence of ${person}`)])),
    service,
    open,
    get: (driver, from = edge) => ask(driver, from),
    set: (driver, id, from = edge, { key = '', address = '' } = {}) => {
      const body = JSON.stringify({ deptrans_id: id, idempotency_key: key });
      return ask(driver, from, { method: 'POST', body }, address);
    },
    async [Symbol.asyncDispose]() {
      await edge.close(0);
      await database[Symbol.asyncDispose]();
    },
  };
  return world;
}
