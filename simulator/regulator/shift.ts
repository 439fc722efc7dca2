import { createHash } from 'node:crypto';
import { shareOf } from '../random.ts';

/** A driver's session at the regulator. `endedAtMs` is null while it is open. */
export type Shift = {
  readonly id: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** Closed by the regulator for good. */
  readonly finalised: boolean;
};

/** `issuedShare` of the shifts are ISSUED for the first `issuedForMs`. */
export type ShiftSettings = { shiftMs: number; issuedShare: number; issuedForMs: number };

export type ShiftView = { id: string; status: string; startedAt: string; endGuess: string };

const finalisedAfterMs = 60_000;
const guessMovesEveryMs = 5_000;
const guessMovesByMs = 30 * 60_000;

/** The `count`-th shift of a driver: its id is opaque, and the same in every run. */
export function openShift(driverId: string, count: number, atMs: number): Shift {
  const id = createHash('sha256').update(`${driverId}/${count}`).digest('hex').slice(0, 32);
  return { id, startedAtMs: atMs, endedAtMs: null, finalised: false };
}

/** The shift as it is at `atMs`: over if the allowed hours have passed. */
export function shiftAt(shift: Shift, atMs: number, shiftMs: number): Shift {
  const endsAtMs = shift.startedAtMs + shiftMs;
  return shift.endedAtMs === null && endsAtMs <= atMs ? { ...shift, endedAtMs: endsAtMs, finalised: true } : shift;
}

/**
 * The shift as the wire shows it. Some shifts begin as ISSUED and are ONLINE after a while. The end of an open one is an estimate
 * that moves every 5 s by up to half an hour, earlier only; of a closed one it is the true end.
 */
export function viewShift(shift: Shift, atMs: number, settings: ShiftSettings): ShiftView {
  const { shiftMs } = settings;
  const move = shareOf(shift.id, Math.floor(atMs / guessMovesEveryMs)) * Math.min(guessMovesByMs, shiftMs / 10);
  return {
    id: shift.id,
    status: statusOf(shift, atMs, settings),
    startedAt: new Date(shift.startedAtMs).toISOString(),
    endGuess: new Date(shift.endedAtMs ?? shift.startedAtMs + shiftMs - move).toISOString(),
  };
}

function statusOf(shift: Shift, atMs: number, { issuedShare, issuedForMs }: ShiftSettings): string {
  if (shift.endedAtMs !== null)
    return shift.finalised || atMs - shift.endedAtMs > finalisedAfterMs ? 'FINALIZED' : 'FINISHED';
  return shareOf(shift.id) < issuedShare && atMs - shift.startedAtMs < issuedForMs ? 'ISSUED' : 'ONLINE';
}
