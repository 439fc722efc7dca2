import type { Outcome } from '../../src/domain/outcome.ts';
import type { Direction } from '../../src/domain/report.ts';
import type { Session } from '../../src/domain/session.ts';
import type { Setting } from './settings.ts';

/** A report on its way. It is applied at most once, at any moment until it is dead. */
export type Request = {
  readonly id: string;
  readonly direction: Direction;
  readonly occurredAt: number;
  /** When its deadline began to run. */
  readonly begunAt: number;
  state: 'unsent' | 'flying' | 'landed' | 'dead';
  /** Whoever sent it waits for the answer. */
  awaited: boolean;
  answer: Outcome<Session | null>;
};

/** What the regulator knows of one id. */
export type Known = {
  shift: { no: number; startedAt: number; endedAt: number | null } | null;
  blocked: boolean;
  lastOccurredAt: number;
  /** It ended the shift itself and nobody has had a reason for a new one since. */
  overAt: number | null;
};

/** A regulator in a few lines, with the promises of its setting. What must not happen to it is told to `complain`. */
export type RegulatorModel = {
  known(id: string): Known;
  isOpen(id: string): boolean;
  /** Applies a report and returns what it would answer. `late`: beyond what N allows. */
  apply(request: Request, now: number): Outcome<Session | null>;
  read(id: string): Outcome<Session | null>;
  endShift(id: string, now: number): void;
};

const SHIFT_MS = 12 * 3_600_000;

export function openRegulatorModel(setting: Setting, complain: (problem: string) => void): RegulatorModel {
  const accounts = new Map<string, Known>();
  const known = (text: string) => {
    const id = text.replace(/^0+/, '');
    const found = accounts.get(id) ?? { shift: null, blocked: false, lastOccurredAt: 0, overAt: null };
    accounts.set(id, found);
    return found;
  };
  const isOpen = (id: string) => known(id).shift?.endedAt === null;
  const session = (id: string): Session | null => {
    const { shift } = known(id);
    if (!shift) return null;
    return {
      id: `${id}/${shift.no}`,
      status: shift.endedAt === null ? 'online' : 'finished',
      raw: null,
      startedAt: new Date(shift.startedAt),
      endsAt: new Date(shift.endedAt ?? shift.startedAt + SHIFT_MS),
      endIsEstimate: shift.endedAt === null,
    };
  };
  const accepted = (id: string): Outcome<Session | null> => ({ kind: 'accepted', value: session(id) });

  const connect = (id: string, now: number): Outcome<Session | null> => {
    const account = known(id);
    if (isOpen(id) && setting.repeats === 'already') return { kind: 'already' };
    if (isOpen(id) && setting.repeats === 'harmless') return accepted(id);
    if (isOpen(id)) complain(`a second shift of ${id}`);
    account.shift = { no: (account.shift?.no ?? 0) + 1, startedAt: now, endedAt: null };
    account.overAt = null;
    return accepted(id);
  };
  const disconnect = (id: string, now: number): Outcome<Session | null> => {
    const account = known(id);
    account.overAt = null;
    if (!isOpen(id) && setting.repeats === 'already') return { kind: 'already' };
    if (isOpen(id)) account.shift = { ...account.shift!, endedAt: now };
    return accepted(id);
  };

  return {
    known,
    isOpen,
    apply({ id, direction, occurredAt }, now) {
      const account = known(id);
      if (direction === 'connected' && account.blocked) return { kind: 'rejected', reason: 'driver_blocked' };
      const older = occurredAt <= account.lastOccurredAt;
      if (older && setting.nHolds) complain(`an older report of ${id} after a newer one`);
      if (older && setting.ordersByOccurredAt) return accepted(id);
      account.lastOccurredAt = Math.max(occurredAt, account.lastOccurredAt);
      return direction === 'connected' ? connect(id, now) : disconnect(id, now);
    },
    read: accepted,
    endShift(id, now) {
      const account = known(id);
      if (!isOpen(id)) return;
      account.shift = { ...account.shift!, endedAt: now };
      account.overAt = now;
    },
  };
}
