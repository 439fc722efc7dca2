import type { BalanceOutcome } from '../store/balance.ts';
import type { DriverRecord, JournalLine } from '../store/driver-record.ts';
import type { EventEnd } from '../store/event-ends.ts';

/** An event of a profile and what became of it. An empty outcome: that is not recorded. */
export type RecordedEvent = {
  happenedAt: Date | null;
  receivedAt: Date | null;
  /** Null: it was no change of connected, or cannot be read. */
  connected: boolean | null;
  outcome: BalanceOutcome | 'pending' | 'parked' | '';
  reason: string;
  endedAt: Date | null;
};

/** What the profile's row in the queue waits for, now. */
export type Waiting = { outcome: 'pending' | 'parked'; reason: string };

const MOST = 20;

/**
 * What became of the events of a profile, newest first, by what is recorded: each has an outcome of the balance, or waits, or it is not recorded how it
 * ended. Pure. `at`: the moment, past which nothing is looked at but how something ended that waited then. `waiting`: what a row in the queue waits for,
 * if the moment is now; null: it lies in the past.
 */
export function eventsOf(record: DriverRecord, at: Date, waiting: Waiting | null): RecordedEvent[] {
  const ends = endsIn(record);
  const changes = [...record.later.changes.toReversed(), ...record.changes];
  const told = changes
    .map((change, i) => tellChange(change, changes[i - 1] ?? null, ends, waiting, at))
    .filter(({ receivedAt }) => receivedAt! <= at);
  const times = new Set(changes.map(({ happenedAt }) => happenedAt?.getTime()));
  const isNew = ({ happenedAt }: RecordedEvent) => !times.has(happenedAt?.getTime());
  const others = [...unreported(record, waiting, at).filter(isNew), ...ignored(record, at), ...quarantined(record)];
  return [...told, ...others].sort((a, b) => timeOf(b) - timeOf(a)).slice(0, MOST);
}

/** Ends of the profile's events and of the person's reports, those after the moment too. */
type Ends = {
  rests: readonly EventEnd[];
  /** Reports that the regulator accepted. */
  accepted: readonly JournalLine[];
  /** Calls that brought no report to its end. */
  failed: readonly JournalLine[];
  row: DriverRecord['row'];
  since: Date;
};

function endsIn({ ends, calls, later, row, endsSince }: DriverRecord): Ends {
  const all = [...calls.toReversed(), ...later.calls];
  return {
    rests: ends.filter(({ outcome }) => outcome !== 'duplicate' && outcome !== 'outdated'),
    accepted: all.filter(isAcceptedReport),
    failed: all.filter((line) => !isAcceptedReport(line) && (line.kind === 'outcome' || line.outcome !== 'accepted')),
    row,
    since: endsSince,
  };
}

/** A report that took effect, now or earlier. */
export function isAcceptedReport({ kind, outcome }: Pick<JournalLine, 'kind' | 'outcome'>): boolean {
  return kind === 'outcome' && (outcome === 'accepted' || outcome === 'already');
}

type Told = Pick<RecordedEvent, 'outcome' | 'reason' | 'endedAt'>;

function tellChange(
  change: JournalLine,
  newer: JournalLine | null,
  ends: Ends,
  waiting: Waiting | null,
  at: Date,
): RecordedEvent {
  const ended = endOf(change, newer, ends);
  const isWaiting = ended === 'waits' || (ended.endedAt !== null && ended.endedAt > at);
  const told = isWaiting ? (waiting ? { ...waiting, endedAt: null } : waitedFor(change, ends, at)) : ended;
  return {
    happenedAt: change.happenedAt,
    receivedAt: change.at,
    connected: change.direction === 'connected',
    ...told,
  };
}

/**
 * How a change ended, whenever that was. Each rule is exact: a row of the queue leaves with a rest, which is kept unless a later one of its kind has taken
 * its place; with a report, which stands for all rows of the person; or a newer change of the profile takes it over.
 */
function endOf(change: JournalLine, newer: JournalLine | null, ends: Ends): Told | 'waits' {
  const isIts = (time: Date | null) => time?.getTime() === change.happenedAt?.getTime();
  const rest = ends.rests.find((end) => isIts(end.eventAt) && end.at >= change.at);
  if (rest) return { outcome: rest.outcome, reason: rest.reason, endedAt: rest.at };
  if (newer?.us === change.us) return mergedInto(newer);
  const reports = ends.accepted.filter(({ us }) => us > change.us && (!newer || us < newer.us));
  const own = reports.find(({ happenedAt }) => isIts(happenedAt));
  if (own) return sentBy(own);
  if (ends.row?.carriesEvent && isIts(ends.row.eventAt)) return 'waits';
  const isOverwritten = ends.rests.some(({ eventAt }) => change.happenedAt !== null && eventAt > change.happenedAt);
  if (change.at < ends.since || isOverwritten) return NOT_RECORDED;
  const [common] = reports;
  if (!newer) return common ? sentBy(common) : NOT_RECORDED;
  if (!common) return mergedInto(newer);
  // The report stands for this change too, unless it came when the look that led to it had begun.
  return common.us - change.us > LONGEST_LOOK_US ? sentBy(common) : NOT_RECORDED;
}

/** Longer than a look lasts until its report is answered: lease, slack and deadline. */
const LONGEST_LOOK_US = 120_000_000;

const NOT_RECORDED: Told = { outcome: '', reason: '', endedAt: null };

function mergedInto({ at }: JournalLine): Told {
  return { outcome: 'merged', reason: '', endedAt: at };
}

function sentBy({ at }: JournalLine): Told {
  return { outcome: 'sent', reason: '', endedAt: at };
}

/** Why a change waited at a moment of the past: by the last call before it that failed. Without one it is not recorded. */
function waitedFor({ us }: JournalLine, { failed }: Ends, at: Date): Told {
  const last = failed.findLast((line) => line.us > us && line.at <= at);
  if (!last) return { outcome: 'pending', reason: '', endedAt: null };
  const isParked = last.outcome === 'rejected' && last.direction === 'connected';
  if (isParked) return { outcome: 'parked', reason: last.reason ?? '', endedAt: null };
  const reason = last.kind === 'lookup' ? 'reading_failed' : (WAITED[last.outcome ?? ''] ?? '');
  return { outcome: 'pending', reason, endedAt: null };
}

const WAITED: Readonly<Record<string, string>> = {
  rejected: 'close_refused',
  throttled: 'throttled',
  unauthorised: 'unauthorised',
  unavailable: 'regulator_down',
  unknown: 'unknown_outcome',
};

/** What the journal tells nothing of: changes of a profile whose person was not known then, and an event that was no change of connected. */
function unreported({ ends, row, state, changes }: DriverRecord, waiting: Waiting | null, at: Date): RecordedEvent[] {
  const plain = { receivedAt: null, connected: null };
  const rests = endsOnce(ends)
    .filter((end) => end.at <= at)
    .map(({ outcome, reason, eventAt, at: endedAt }) => ({ ...plain, happenedAt: eventAt, outcome, reason, endedAt }));
  if (!waiting) return rests;
  const waits = row?.carriesEvent ? [{ ...plain, ...waiting, happenedAt: row.eventAt, endedAt: null }] : [];
  const isSame =
    state?.status === 'offline'
      ? changes[0]?.direction === 'disconnected' && changes[0].happenedAt! < state.eventAt
      : state?.connectedAt && state.connectedAt < state.eventAt;
  const same: RecordedEvent[] = isSame
    ? [{ ...plain, happenedAt: state!.eventAt, outcome: 'no_change', reason: '', endedAt: null }]
    : [];
  return [...rests, ...waits, ...same];
}

function endsOnce(ends: readonly EventEnd[]): EventEnd[] {
  return ends.filter(({ outcome }) => outcome !== 'duplicate' && outcome !== 'outdated');
}

/** Events that were known already, or older than what was known. */
function ignored({ ends }: DriverRecord, before: Date): RecordedEvent[] {
  return ends
    .filter(({ outcome, at }) => (outcome === 'duplicate' || outcome === 'outdated') && at <= before)
    .map(({ outcome, eventAt, at }) => ({
      happenedAt: eventAt,
      receivedAt: at,
      connected: null,
      outcome,
      reason: '',
      endedAt: at,
    }));
}

function quarantined({ quarantined: found }: DriverRecord): RecordedEvent[] {
  return found.map(({ reason, at }) => ({
    happenedAt: null,
    receivedAt: at,
    connected: null,
    outcome: 'quarantined',
    reason,
    endedAt: at,
  }));
}

function timeOf({ receivedAt, endedAt, happenedAt }: RecordedEvent): number {
  return (receivedAt ?? endedAt ?? happenedAt)?.getTime() ?? 0;
}
