import type { Personal } from '../clients/personal.ts';
import type { Binding, DeptransId } from '../domain/binding.ts';
import type { LicenceNumber, Regulator } from '../regulator/regulator.ts';
import { bind, type Caller, type DriverRef, readCaller } from '../store/bindings.ts';
import type { Db } from '../store/database.ts';
import { readWithin, saveWithin } from './database-deadline.ts';
import { isRefusal, refuse } from './errors.ts';
import type { AttemptEnd, Guesses } from './guesses.ts';
import type { Repeat } from './repeats.ts';

export type BindingOptions = {
  db: Db;
  personal: Pick<Personal, 'licenceNumbers'>;
  regulator: Pick<Regulator, 'checkId'>;
  guesses: Guesses;
  /** Key of the hash under which ids stand in the journal. */
  journalKey: string;
  /** One reading of the database. */
  readTimeoutMs: number;
};

/** A driver who wants an id bound. */
export type Wish = { driver: DriverRef; wanted: DeptransId; address: string | null; repeat: Repeat };

/** The second is for a change that happened during the first check. */
const CHECKS = 2;
const NEVER = new AbortController().signal;

/** The person behind a profile, with the binding. Refuses who is not known, or not yet. */
export async function readKnown(
  { db, readTimeoutMs }: Pick<BindingOptions, 'db' | 'readTimeoutMs'>,
  driver: DriverRef,
  wanted: DeptransId | null,
  signal: AbortSignal,
): Promise<Caller> {
  const caller = await readWithin(readTimeoutMs, signal, readCaller(db, driver, wanted));
  if (caller === 'no_person') throw refuse('PROFILE_UNKNOWN');
  if (caller === 'not_ready') throw refuse('NEIGHBOUR_UNAVAILABLE');
  return caller;
}

/** Binds the id after a valid check, which costs an attempt; who has it bound already is told so without one. */
export async function bindWanted(options: BindingOptions, wish: Wish, signal: AbortSignal): Promise<Binding> {
  const known = await readKnown(options, wish.driver, wish.wanted, signal);
  if (isSettled(known, wish)) return known.binding!;
  const attempt = await options.guesses.take(known.person, wish.address, signal);
  let end: AttemptEnd = 'unanswered';
  try {
    return await bindChecked(options, wish, known, signal, () => {
      end = 'matched';
    });
  } catch (error) {
    if (isRefusal(error, 'ID_MISMATCH')) end = 'mismatched';
    throw error;
  } finally {
    await attempt.end(end, NEVER);
  }
}

/** One whose account was refused is checked once more: a check that succeeds is what it waits for. */
function isSettled({ binding, parked }: Caller, { wanted }: Wish): boolean {
  return binding?.deptransId === wanted && binding.state === 'bound' && !parked;
}

async function bindChecked(
  options: BindingOptions,
  wish: Wish,
  first: Caller,
  signal: AbortSignal,
  matched: () => void,
): Promise<Binding> {
  const { driver, wanted, repeat } = wish;
  const { db, journalKey, readTimeoutMs: lockTimeoutMs } = options;
  let known = first;
  for (let check = 0; check < CHECKS; check++) {
    if (check > 0) known = await readKnown(options, driver, wanted, signal);
    if (isSettled(known, wish)) return known.binding!;
    const { person, personNo, seen } = known;
    const licence = await readLicence(options.personal, person, signal);
    await confirm(options.regulator, wanted, licence, signal);
    matched();
    const checked = { driver, person, personNo, deptransId: wanted, seen };
    const saved = await saveWithin(db, signal, async (tx) => {
      const binding = await bind(tx, checked, { journalKey, lockTimeoutMs });
      if (binding) await repeat.remember(tx, binding.updatedAt);
      return binding;
    });
    if (saved) return saved;
  }
  throw refuse('CONFLICT');
}

async function readLicence(personal: BindingOptions['personal'], person: string, signal: AbortSignal) {
  const licences = await personal.licenceNumbers([person], signal).catch(() => undefined);
  const licence = licences?.get(person);
  if (!licence) throw refuse('NEIGHBOUR_UNAVAILABLE');
  return licence;
}

/** Refuses unless the regulator says that the id is of this licence. An id it does not know and one of somebody else look alike. */
async function confirm(
  regulator: BindingOptions['regulator'],
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
      outcome satisfies never;
  }
}
