import { type DriverIdOptions, openDriverIdService } from '../../src/api/driver-id-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { Masked } from '../../src/runtime/masked.ts';
import type { Db } from '../../src/store/database.ts';
import { openTestDatabase } from './database.ts';
import { type Edge, openEdge } from './edge.ts';
import { addPerson, completeMirror } from './people.ts';

export type CheckOutcome = Outcome<{ matches: boolean }>;

export const matches = (value: boolean): CheckOutcome => ({ kind: 'accepted', value: { matches: value } });

export const DRIVER_ID_PATH = '/driver/v1/deptrans-status/v1/id';

type Answer = { status: number; reason?: string; details?: { retryDelay?: string }[]; id?: Record<string, unknown> };

export type DriverIdWorld = AsyncDisposable & {
  readonly db: Db;
  readonly edge: Edge;
  /** What the regulator was asked: `<id> licence of <person>`. */
  readonly checks: string[];
  /** What the regulator says next. */
  regulator(id: string, signal: AbortSignal): Promise<CheckOutcome> | CheckOutcome;
  /** What personal says next. */
  licences(): Map<string, Masked<'LicenceNumber'>>;
  /** One more edge over the same database, configured otherwise. */
  open(own: Partial<DriverIdOptions>): Promise<Edge>;
  get(driver: string, from?: Edge): Promise<Answer>;
  set(driver: string, id: string, from?: Edge, key?: string): Promise<Answer>;
};

/** The service of driver ids over a database and a socket. `ann` and `bob` drive in `park`; personal and the regulator are the test's. */
export async function openDriverIdWorld(): Promise<DriverIdWorld> {
  const database = await openTestDatabase();
  const { db } = database;
  for (const person of ['ann', 'bob']) await addPerson(db, person);
  await completeMirror(db);
  const open = (own: Partial<DriverIdOptions> = {}) =>
    openEdge(
      {
        driverId: openDriverIdService({
          db,
          personal: { licenceNumbers: () => Promise.try(() => world.licences()) },
          regulator: {
            checkId(id, licence, signal) {
              world.checks.push(`${id} ${licence.reveal()}`);
              return Promise.try(() => world.regulator(id, signal));
            },
          },
          journalKey: 'key',
          idDisplay: 'full',
          callTimeoutMs: 4_000,
          readTimeoutMs: 1_000,
          ...own,
        }),
      },
      { auth: openToAll() },
    );
  const edge = await open();
  const ask = async (driver: string, from: Edge, init: RequestInit = {}): Promise<Answer> => {
    const headers = {
      'x-yataxi-park-id': 'park',
      'x-yataxi-driver-profile-id': driver,
      'content-type': 'application/json',
    };
    const response = await fetch(from.url + DRIVER_ID_PATH, { ...init, headers });
    return { status: response.status, ...((await response.json()) as object) };
  };
  const world: DriverIdWorld = {
    db,
    edge,
    checks: [],
    regulator: () => matches(true),
    licences: () => new Map(['ann', 'bob'].map((person) => [person, new Masked(`licence of ${person}`)])),
    open,
    get: (driver, from = edge) => ask(driver, from),
    set: (driver, id, from = edge, key = '') =>
      ask(driver, from, { method: 'POST', body: JSON.stringify({ deptrans_id: id, idempotency_key: key }) }),
    async [Symbol.asyncDispose]() {
      await edge.close(0);
      await database[Symbol.asyncDispose]();
    },
  };
  return world;
}
