import { type Facts, shareOf } from '../../verdict/verdict.ts';
import type { BindingState, DeptransId } from '../domain/binding.ts';
import type { DriverRecord, JournalLine } from '../store/driver-record.ts';
import { accountHash } from '../store/journal.ts';

/** The binding of a profile's person at a moment. */
export type RecordedBinding = {
  /** Null: not recorded. */
  state: BindingState | null;
  /** The id, if it is still the person's; else only its mark is known. */
  deptransId: DeptransId | null;
  /** Hex of the id's keyed hash; null: none. */
  account: string | null;
  since: Date | null;
  reason: string;
};

/**
 * The binding at a moment of the past, or now (null). Pure. An id that was bound or unbound has its line in the journal; that an id was to be checked
 * again has none, so what may have been in between is not told. Null: none was ever bound.
 */
export function bindingAt(record: DriverRecord, asOf: Date | null, journalKey: string): RecordedBinding | null {
  const { binding, bindings, later } = record;
  const line = bindings[0];
  const next = later.bindings[0];
  if (binding && (!asOf || binding.updatedAt <= asOf)) {
    const { deptransId, state, updatedAt } = binding;
    const account = deptransId === null ? null : accountHash(journalKey, deptransId);
    const isTold = line?.outcome === state && (account === null || line.account === account);
    return { state, deptransId, account, since: updatedAt, reason: (isTold && line.reason) || '' };
  }
  if (!asOf || (!binding && !line && !next)) return null;
  const isRecheck = next?.reason === 'licence_changed' && next.outcome !== 'unbound';
  if (line?.outcome === 'bound') return fromLine(line, record, journalKey);
  // Bound already when the journal begins.
  if (!line && next?.outcome === 'unbound') return { ...fromLine(next, record, journalKey), since: null, reason: '' };
  if ((!next && binding) || isRecheck) return { state: null, deptransId: null, account: null, since: null, reason: '' };
  if (!line) return null;
  return { ...fromLine(line, record, journalKey), account: null, deptransId: null };
}

function fromLine({ outcome, account, at, reason }: JournalLine, { binding }: DriverRecord, journalKey: string) {
  const own = binding?.deptransId ?? null;
  const isStillIts = own !== null && accountHash(journalKey, own) === account;
  const state: BindingState = outcome === 'rejected' ? 'rejected' : outcome === 'unbound' ? 'unbound' : 'bound';
  return { state, deptransId: isStillIts ? own : null, account, since: at, reason: reason ?? '' };
}

/** What verdicts are made of, as it was recorded; null: the binding of then is not. */
export function factsAt(
  { profile, shift }: DriverRecord,
  binding: RecordedBinding | null,
  parkId: string,
): Facts | null {
  if (binding && binding.state === null) return null;
  const person = profile?.person ?? '';
  return {
    parkId,
    hasPerson: person !== '',
    person,
    share: person === '' ? 0 : shareOf(person),
    binding: binding?.state ?? 'unbound',
    bindingUpdatedAt: binding?.since?.getTime() ?? null,
    session: shift?.status ?? null,
    sessionUpdatedAt: shift?.updatedAt.getTime() ?? null,
    sessionEndedAt: shift?.endsAt?.getTime() ?? null,
    region: shift?.region ?? '',
  };
}
