/** A shift as the regulator told it. */
export type Session = {
  id: string;
  status: SessionStatus;
  /** The regulator's own word; only where `status` is `unrecognised`. At most 64 characters. */
  raw: string | null;
  startedAt: Date | null;
  /** When it ends or ended; null if not said. */
  endsAt: Date | null;
  endIsEstimate: boolean;
};

export type SessionStatus = 'issued' | 'online' | 'finished' | 'finalized' | 'canceled' | 'unrecognised';

const KNOWN: Record<string, SessionStatus> = {
  ISSUED: 'issued',
  ONLINE: 'online',
  FINISHED: 'finished',
  FINALIZED: 'finalized',
  CANCELED: 'canceled',
};

/** The regulator's word as ours; a word we do not know is kept, not refused. */
export function parseSessionStatus(word: string): { status: SessionStatus; raw: string | null } {
  const status = Object.hasOwn(KNOWN, word) ? KNOWN[word] : undefined;
  return status ? { status, raw: null } : { status: 'unrecognised', raw: word.slice(0, 64) };
}

/** Whether a shift is open: the regulator holds the driver for connected. A word we do not know counts as open: closing it costs one harmless report. */
export function isOpen(session: Session): boolean {
  return session.status === 'issued' || session.status === 'online' || session.status === 'unrecognised';
}
