import { openShift, type Shift, shiftAt } from './shift.ts';

/**
 * What the regulator knows: ids with their licences, and the shift of each. Ids are compared canonically (leading zeros do not count).
 * Every report that had an effect, or would have had one, stays in the account's history, for the judge.
 */
export type Registry = {
  /** Adds a driver or replaces his licence. */
  put(id: string, licence: string): Account;
  find(id: string): Account | undefined;
  readonly accounts: ReadonlyMap<string, Account>;
  /** The id is not known any more (DRIVER_UNKNOWN); its history stays. */
  forget(id: string): void;
  /** Refuses CONNECTED for this driver until the time given; a shift that is open stays open. */
  block(id: string, untilMs: number): void;
  /** Ends the driver's open shift, as the regulator does when the hours are over. False if there was none. */
  endShift(id: string, atMs: number): boolean;
  check(id: string, licence: string): { valid: boolean; reason?: 'DRIVER_UNKNOWN' | 'MISMATCH' };
  report(id: string, report: Report, atMs: number): ReportResult;
  /** Writes down that a report was turned down without being looked at. */
  noteRefusal(id: string, connected: boolean, atMs: number): void;
  /** The newest shift of the driver, as of `atMs`. */
  shift(id: string, atMs: number): Shift | null;
};

export type Account = {
  readonly id: string;
  licence: string;
  known: boolean;
  blockedUntilMs: number;
  shift: Shift | null;
  shifts: number;
  lastOccurredAtMs: number;
  readonly history: HistoryEntry[];
};

/** `refused`: an error inside a 200, other than ALREADY and 950. `over`: the regulator itself ended the shift. */
export type HistoryEntry = {
  readonly atMs: number;
  readonly what: 'opened' | 'closed' | 'repeated' | 'secondShift' | 'refused' | 'over';
  readonly connected: boolean;
};

export type Report = { connected: boolean; occurredAtMs: number };

export type ReportResult =
  | { kind: 'opened' | 'closed' | 'repeated' | 'secondShift' | 'ignored'; shift: Shift | null }
  | { kind: 'error'; code: 'ALREADY' | 'DRIVER_UNKNOWN' | 'DRIVER_BLOCKED' };

export type RegistryRules = {
  /** What a report of the state that already holds gets. `secondShift` is the nasty one: another shift opens beside the first. */
  repeats: 'already' | 'harmless' | 'secondShift';
  /** A report whose occurredAt is not newer than the last one's is answered but has no effect. */
  ordersByOccurredAt: boolean;
  shiftMs: number;
};

export function canonicalId(id: string): string {
  return id.replace(/^0+(?=.)/, '');
}

export function openRegistry(rules: RegistryRules): Registry {
  const accounts = new Map<string, Account>();
  const find = (id: string) => accounts.get(canonicalId(id));
  const newest = (account: Account, atMs: number) => {
    const shift = account.shift && shiftAt(account.shift, atMs, rules.shiftMs);
    if (shift && account.shift && shift.endedAtMs !== account.shift.endedAtMs)
      account.history.push({ atMs: shift.endedAtMs ?? atMs, what: 'over', connected: false });
    account.shift = shift;
    return shift;
  };
  return {
    accounts,
    find,
    put(id, licence) {
      const known = find(id);
      if (known) return Object.assign(known, { licence, known: true });
      const account: Account = {
        id: canonicalId(id),
        licence,
        known: true,
        blockedUntilMs: 0,
        shift: null,
        shifts: 0,
        lastOccurredAtMs: Number.NEGATIVE_INFINITY,
        history: [],
      };
      accounts.set(account.id, account);
      return account;
    },
    forget(id) {
      const account = find(id);
      if (account) account.known = false;
    },
    block(id, untilMs) {
      const account = find(id);
      if (account) account.blockedUntilMs = untilMs;
    },
    endShift(id, atMs) {
      const account = find(id);
      const shift = account && newest(account, atMs);
      if (!account || !shift || shift.endedAtMs !== null) return false;
      account.shift = { ...shift, endedAtMs: atMs, finalised: true };
      account.history.push({ atMs, what: 'over', connected: false });
      return true;
    },
    check(id, licence) {
      const account = find(id);
      if (!account?.known) return { valid: false, reason: 'DRIVER_UNKNOWN' };
      return account.licence === licence ? { valid: true } : { valid: false, reason: 'MISMATCH' };
    },
    report(id, report, atMs) {
      const account = find(id);
      if (!account?.known) {
        account?.history.push({ atMs, what: 'refused', connected: report.connected });
        return { kind: 'error', code: 'DRIVER_UNKNOWN' };
      }
      newest(account, atMs);
      return applyReport(account, report, atMs, rules);
    },
    noteRefusal(id, connected, atMs) {
      find(id)?.history.push({ atMs, what: 'refused', connected });
    },
    shift(id, atMs) {
      const account = find(id);
      return account ? newest(account, atMs) : null;
    },
  };
}

function applyReport(account: Account, report: Report, atMs: number, rules: RegistryRules): ReportResult {
  const { connected, occurredAtMs } = report;
  const note = (what: HistoryEntry['what']) => account.history.push({ atMs, what, connected });
  const open = account.shift !== null && account.shift.endedAtMs === null;
  if (connected && account.blockedUntilMs > atMs) {
    note('refused');
    return { kind: 'error', code: 'DRIVER_BLOCKED' };
  }
  if (rules.ordersByOccurredAt && occurredAtMs <= account.lastOccurredAtMs)
    return { kind: 'ignored', shift: account.shift };
  account.lastOccurredAtMs = Math.max(account.lastOccurredAtMs, occurredAtMs);
  if (connected === open && !(connected && rules.repeats === 'secondShift')) {
    note('repeated');
    return rules.repeats === 'already'
      ? { kind: 'error', code: 'ALREADY' }
      : { kind: 'repeated', shift: account.shift };
  }
  const kind = connected ? (open ? 'secondShift' : 'opened') : 'closed';
  if (connected) account.shifts += 1;
  account.shift = connected
    ? openShift(account.id, account.shifts, atMs)
    : account.shift && { ...account.shift, endedAtMs: atMs };
  note(kind);
  return { kind, shift: account.shift };
}
