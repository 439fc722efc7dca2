import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { DriverId_State, type DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import type { Personal } from '../clients/personal.ts';
import {
  type Binding,
  type BindingState,
  type DeptransId,
  displayId,
  type IdDisplay,
  parseDeptransId,
} from '../domain/binding.ts';
import type { LicenceNumber, Regulator } from '../regulator/regulator.ts';
import { bind, type Caller, type DriverRef, readCaller } from '../store/bindings.ts';
import type { Db } from '../store/database.ts';
import { driverOf } from './call.ts';
import { readWithin, saveWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';

/**
 * The driver's own id: what is bound, and binding another after the regulator has confirmed it.
 *
 * It guarantees that nothing is saved without a valid check against the licence of that moment, that a refusal means nothing was saved,
 * that a database that is away is never answered as "no id", and that an answer comes within `callTimeoutMs`. It does not limit how
 * often a driver may try.
 */
export type DriverIdOptions = {
  db: Db;
  personal: Pick<Personal, 'licenceNumbers'>;
  regulator: Pick<Regulator, 'checkId'>;
  /** Key of the hash under which ids stand in the journal. */
  journalKey: string;
  idDisplay: IdDisplay;
  /** All of a binding: reading, licence, check, saving. */
  callTimeoutMs: number;
  /** One reading of the database. */
  readTimeoutMs: number;
};

const MAX_KEY_BYTES = 64;
/** The second is for a change that happened during the first check. */
const CHECKS = 2;

export function openDriverIdService(options: DriverIdOptions): ServiceImpl<typeof DriverIdService> {
  const { db, idDisplay, callTimeoutMs, readTimeoutMs } = options;

  const readKnown = async (driver: DriverRef, wanted: DeptransId | null, signal: AbortSignal): Promise<Caller> => {
    const caller = await readWithin(readTimeoutMs, signal, readCaller(db, driver, wanted));
    if (caller === 'no_person') throw refuse('PROFILE_UNKNOWN');
    if (caller === 'not_ready') throw refuse('NEIGHBOUR_UNAVAILABLE');
    return caller;
  };

  const bindChecked = async (driver: DriverRef, wanted: DeptransId, signal: AbortSignal): Promise<Binding> => {
    for (let check = 0; check < CHECKS; check++) {
      const { person, personNo, binding, parked, seen } = await readKnown(driver, wanted, signal);
      // One whose account was refused is checked once more: a check that succeeds is what it waits for.
      if (binding?.deptransId === wanted && binding.state === 'bound' && !parked) return binding;
      const licence = await readLicence(options.personal, person, signal);
      await confirm(options.regulator, wanted, licence, signal);
      const checked = { driver, person, personNo, deptransId: wanted, seen };
      const { journalKey } = options;
      const saved = await saveWithin(db, signal, (tx) =>
        bind(tx, checked, { journalKey, lockTimeoutMs: readTimeoutMs }),
      );
      if (saved) return saved;
    }
    throw refuse('CONFLICT');
  };

  return {
    async getDriverId(_, { values, signal }) {
      const { binding } = await readKnown(refOf(driverOf(values)), null, signal);
      return { id: toMessage(binding, idDisplay) };
    },

    async setDriverId({ deptransId, idempotencyKey }, { values, signal }: HandlerContext) {
      const driver = refOf(driverOf(values));
      const wanted = parseDeptransId(deptransId);
      if (!wanted) throw refuse('ID_MALFORMED', { fields: [{ field: 'deptrans_id', description: '1 to 20 digits' }] });
      checkKey(idempotencyKey);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(callTimeoutMs)]);
      return { id: toMessage(await bindChecked(driver, wanted, deadline), idDisplay) };
    },
  };
}

function refOf({ parkId, driverId }: DriverRef): DriverRef {
  return { parkId, driverId };
}

/** A repeat of a call that succeeded finds its id bound and succeeds again, so the key itself need not be remembered. */
function checkKey(key: string): void {
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  throw refuse('REQUEST_MALFORMED', {
    fields: [{ field: 'idempotency_key', description: `at most ${MAX_KEY_BYTES} bytes` }],
  });
}

async function readLicence(personal: DriverIdOptions['personal'], person: string, signal: AbortSignal) {
  const licences = await personal.licenceNumbers([person], signal).catch(() => undefined);
  const licence = licences?.get(person);
  if (!licence) throw refuse('NEIGHBOUR_UNAVAILABLE');
  return licence;
}

/** Refuses unless the regulator says that the id is of this licence. An id it does not know and one of somebody else look alike. */
async function confirm(
  regulator: DriverIdOptions['regulator'],
  deptransId: DeptransId,
  licence: LicenceNumber,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await regulator.checkId(deptransId, licence, signal);
  switch (outcome.kind) {
    case 'accepted':
      if (outcome.value.matches) return;
      throw refuse('ID_MISMATCH');
    case 'rejected':
      throw refuse('ID_MISMATCH');
    case 'throttled':
      throw refuse('REGULATOR_UNAVAILABLE', { retryAfterMs: Math.min(Math.max(outcome.retryAfterMs, 1_000), 600_000) });
    // "Already so" is no answer to a question.
    case 'already':
    case 'unauthorised':
    case 'unavailable':
    case 'unknown':
      throw refuse('REGULATOR_UNAVAILABLE');
    default:
      return outcome satisfies never;
  }
}

const STATES = {
  unbound: DriverId_State.NOT_BOUND,
  bound: DriverId_State.BOUND,
  recheck: DriverId_State.RECHECK_NEEDED,
  rejected: DriverId_State.REJECTED,
} as const satisfies Record<BindingState, DriverId_State>;

function toMessage(binding: Binding | null, display: IdDisplay) {
  if (!binding) return { bound: false, deptransId: '', state: DriverId_State.NOT_BOUND };
  const { deptransId, state, updatedAt } = binding;
  return {
    bound: deptransId !== null,
    deptransId: deptransId === null ? '' : displayId(deptransId, display),
    state: STATES[state],
    updatedAt: timestampFromDate(updatedAt),
  };
}
