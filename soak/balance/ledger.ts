import type { Status, TownPerson, TownProfile } from './town.ts';

/** A readable event with its place: generation 0 and offset -1 for a push. */
export type SentEvent = { profile: TownProfile; status: Status; atMs: number; generation: number; offset: number };

/**
 * Where every event must end, by the rules alone: written without a look at the service's code, and fed by the generator with what it sends.
 * Outcomes are written `outcome` or `outcome reason`.
 */
export type Ledger = {
  refused(reason: string): void;
  /** Events that are stored together. */
  taken(events: readonly SentEvent[]): void;
  /** Everything that waits is looked at. */
  lookedAt(): void;
  /** Outcomes so far, and what waits. */
  read(): Map<string, number>;
  readonly sent: number;
  /** Whether the regulator must have an open shift for the person. */
  isReported(person: TownPerson): boolean;
};

type Known = { status: Status; atMs: number; generation: number; offset: number };

const fresh: Known = { status: 'offline', atMs: Number.NEGATIVE_INFINITY, generation: 0, offset: -1 };

export function openLedger(): Ledger {
  const counts = new Map<string, number>();
  const known = new Map<TownProfile, Known>();
  const queued = new Set<TownProfile>();
  const reported = new Set<TownPerson>();
  let sent = 0;
  const count = (outcome: string, n = 1): void => {
    counts.set(outcome, (counts.get(outcome) ?? 0) + n);
  };
  const isConnected = (person: TownPerson) =>
    person.profiles.some((profile) => (known.get(profile) ?? fresh).status !== 'offline');

  const take = (event: SentEvent): void => {
    const before = known.get(event.profile) ?? fresh;
    const isRepeat = event.atMs === before.atMs && event.status === before.status;
    if (isRepeat || !isAfter(event, before)) {
      count(isRepeat ? 'duplicate' : 'outdated');
      return;
    }
    known.set(event.profile, event);
    if ((event.status === 'offline') === (before.status === 'offline')) {
      count('no_change');
      return;
    }
    if (queued.has(event.profile)) count('merged');
    queued.add(event.profile);
  };

  const end = (rows: readonly TownProfile[], outcome: string): void => {
    count(outcome, rows.length);
    for (const row of rows) queued.delete(row);
  };

  const look = (person: TownPerson, rows: readonly TownProfile[]): void => {
    const connected = isConnected(person);
    switch (person.fate) {
      case 'plain':
        end(rows, connected === reported.has(person) ? 'no_change' : 'sent');
        if (connected) reported.add(person);
        else reported.delete(person);
        return;
      case 'unbound':
        end(rows, 'filtered no_id');
        return;
      case 'tariff':
      case 'outside':
        end(rows, connected ? `filtered ${person.fate}` : 'no_change');
        return;
      case 'nowhere':
      case 'blocked':
        if (!connected) end(rows, 'no_change');
        return;
      case 'stranger':
        return;
      case 'stale':
        end(rows, 'expired');
        return;
      default:
        person.fate satisfies never;
    }
  };

  return {
    refused(reason) {
      sent += 1;
      count(`quarantined ${reason}`);
    },
    taken(events) {
      sent += events.length;
      const inOrder = [...events].sort((a, b) => a.atMs - b.atMs || a.offset - b.offset);
      for (const event of inOrder) take(event);
    },
    lookedAt() {
      const byPerson = Map.groupBy(queued, ({ person }) => person);
      for (const [person, rows] of byPerson) look(person, rows);
    },
    read() {
      const waiting = Map.groupBy(queued, ({ person }) => waits[person.fate] ?? 'lost');
      return new Map([...counts, ...[...waiting].map(([reason, rows]) => [reason, rows.length] as const)]);
    },
    get sent() {
      return sent;
    },
    isReported: (person) => reported.has(person),
  };
}

const waits: Partial<Record<TownPerson['fate'], string>> = {
  nowhere: 'pending no_position',
  stranger: 'pending no_person',
  blocked: 'parked driver_blocked',
};

function isAfter(a: Known, b: Known): boolean {
  return (a.atMs - b.atMs || a.generation - b.generation || a.offset - b.offset) > 0;
}
