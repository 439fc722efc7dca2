import { sql } from 'kysely';
import type { BindingState, DeptransId } from '../domain/binding.ts';
import type { DriverStatus } from '../domain/driver-status.ts';
import type { Session } from '../domain/session.ts';
import type { Db } from './database.ts';
import { type EventEnd, readEventEnds } from './event-ends.ts';
import type { JournalEntry } from './journal.ts';

/** What is recorded of a driver: what the tables hold now, and the lines of the journal around a moment. */
export type DriverRecord = {
  /** The database's time. */
  now: Date;
  /** Ends of events are kept since then. */
  endsSince: Date;
  /** Null: no event is remembered. */
  state: { status: DriverStatus; eventAt: Date; connectedAt: Date | null } | null;
  /** Null: driver-profiles never named the profile. */
  profile: { person: string | null; categories: readonly string[] } | null;
  /** All profiles of the person. */
  profiles: readonly { parkId: string; driverId: string }[];
  /** The binding as it is now; null: the person never had one. */
  binding: { state: BindingState; deptransId: DeptransId | null; updatedAt: Date } | null;
  /** The profile's row in the queue, as it is now. */
  row: { eventAt: Date; carriesEvent: boolean } | null;
  /** The shift at the moment, as far as it is kept. */
  shift: RecordedShift | null;
  /** Up to the moment, newest first: changes of the profile, calls about the person, changes of the person's id. */
  changes: readonly JournalLine[];
  calls: readonly JournalLine[];
  bindings: readonly JournalLine[];
  /** After the moment, oldest first. */
  later: { changes: readonly JournalLine[]; calls: readonly JournalLine[]; bindings: readonly JournalLine[] };
  ends: readonly EventEnd[];
  /** Messages in quarantine that name the profile, newest first, up to the moment. */
  quarantined: readonly { reason: string; at: Date }[];
};

export type RecordedShift = Pick<Session, 'status' | 'endsAt' | 'endIsEstimate'> & {
  updatedAt: Date;
  region: string | null;
};

export type JournalLine = {
  /** Microseconds since 1970: lines of one transaction's statement have the same. */
  us: number;
  at: Date;
  kind: JournalEntry['kind'];
  /** Hex of the id's keyed hash. */
  account: string | null;
  direction: 'connected' | 'disconnected' | null;
  outcome: string | null;
  reason: string | null;
  region: string | null;
  happenedAt: Date | null;
  answeredAt: Date | null;
  sessionStatus: string | null;
  sessionEnd: Date | null;
};

type Key = { parkId: string; driverId: string };
type Present = Pick<DriverRecord, 'now' | 'endsSince'> & {
  status: DriverStatus | null;
  eventAt: Date;
  connectedAt: Date | null;
  known: boolean;
  person: string | null;
  categories: string[] | null;
  bindingState: BindingState | null;
  deptransId: DeptransId | null;
  bindingUpdatedAt: Date;
  queuedEventAt: Date | null;
  carriesEvent: boolean;
};

const MANY = 20;
/** Lines about a person, and messages in quarantine, that are looked at. */
const FAR = 100;
const QUARANTINE = 1_000;

/** Reads what is recorded of a driver around a moment; null: around now. Takes no locks; the statements see the present one after the other. */
export async function readDriverRecord(db: Db, key: Key, asOf: Date | null): Promise<DriverRecord> {
  const present = await readPresent(db, key);
  const { person, now, endsSince } = present;
  const at = asOf ?? now;
  const around = async (kind: 'changes' | 'calls' | 'bindings', limit: number) =>
    person === null
      ? { before: [], after: [] }
      : {
          before: await readLines(db, person, key, kind, asOf, 'before', limit),
          after: asOf ? await readLines(db, person, key, kind, asOf, 'after', limit) : [],
        };
  const [changes, calls, bindings] = [
    await around('changes', MANY),
    await around('calls', FAR),
    await around('bindings', MANY),
  ];
  return {
    now,
    endsSince,
    state: present.status && {
      status: present.status,
      eventAt: present.eventAt,
      connectedAt: present.connectedAt,
    },
    profile: present.known ? { person, categories: present.categories ?? [] } : null,
    profiles: person === null ? [] : await readProfiles(db, person),
    binding: present.bindingState && {
      state: present.bindingState,
      deptransId: present.deptransId,
      updatedAt: present.bindingUpdatedAt,
    },
    row: present.queuedEventAt && { eventAt: present.queuedEventAt, carriesEvent: present.carriesEvent },
    shift: person === null ? null : await readShift(db, person, at),
    changes: changes.before,
    calls: calls.before,
    bindings: bindings.before,
    later: { changes: changes.after, calls: calls.after, bindings: bindings.after },
    ends: await readEventEnds(db, key.parkId, key.driverId),
    quarantined: await readQuarantined(db, key, at),
  };
}

async function readPresent(db: Db, { parkId, driverId }: Key): Promise<Present> {
  const { rows } = await sql<Present>`/* record.present */
    select deptrans.now() as now, s.status, s.event_at as "eventAt", s.connected_at as "connectedAt",
           p.park_id is not null as known, p.driver_license_pd_id as person, p.categories,
           b.state as "bindingState", b.deptrans_id as "deptransId", b.updated_at as "bindingUpdatedAt",
           q.event_at as "queuedEventAt", coalesce(q.carries_event, false) as "carriesEvent",
           (select timestamp::timestamptz from deptrans.schema_migrations where name like '%\_event\_ends') as "endsSince"
      from (values (${parkId}, ${driverId})) k(park_id, driver_id)
      left join deptrans.driver_states s using (park_id, driver_id)
      left join deptrans.driver_persons p using (park_id, driver_id)
      left join deptrans.profiles b using (driver_license_pd_id)
      left join deptrans.status_queue q using (park_id, driver_id)`.execute(db);
  return rows[0]!;
}

async function readProfiles(db: Db, person: string): Promise<Key[]> {
  const { rows } = await sql<Key>`/* record.profiles */
    select park_id as "parkId", driver_id as "driverId" from deptrans.driver_persons
     where driver_license_pd_id = ${person} order by 1, 2 limit ${MANY}`.execute(db);
  return rows;
}

const WHICH = {
  changes: ({ parkId, driverId }: Key) => sql`kind = 'transition' and park_id = ${parkId} and driver_id = ${driverId}`,
  calls: () => sql`kind in ('outcome', 'lookup')`,
  bindings: () => sql`kind = 'binding'`,
};

/** Lines of a person's journal from a moment on, backwards or forwards. Without a moment: backwards from the newest. */
async function readLines(
  db: Db,
  person: string,
  key: Key,
  which: keyof typeof WHICH,
  at: Date | null,
  side: 'before' | 'after',
  limit: number,
): Promise<JournalLine[]> {
  const bound = at === null ? sql`true` : side === 'before' ? sql`at <= ${at}` : sql`at > ${at}`;
  const direction = side === 'before' ? sql`desc` : sql`asc`;
  const { rows } = await sql<JournalLine>`/* record.lines */
    select (extract(epoch from at) * 1000000)::float8 as us, at, kind, encode(account, 'hex') as account, direction, outcome, reason,
           region, happened_at as "happenedAt", answered_at as "answeredAt", detail->>'session_status' as "sessionStatus",
           (detail->>'session_end')::timestamptz as "sessionEnd"
      from deptrans.journal
     where driver_license_pd_id = ${person} and ${WHICH[which](key)} and ${bound}
     order by at ${direction}, tableoid ${direction}, ctid ${direction} limit ${limit}`.execute(db);
  return rows;
}

async function readShift(db: Db, person: string, at: Date): Promise<RecordedShift | null> {
  const columns = sql`session_status as status, updated_at as "updatedAt", ended_at as "endsAt", end_is_estimate as "endIsEstimate", region, deleted`;
  const { rows } = await sql<RecordedShift & { place: number; deleted: boolean }>`/* record.shift */
    (select 1 as place, ${columns} from deptrans.session_statuses where driver_license_pd_id = ${person} and updated_at <= ${at})
    union all
    (select 2, ${columns} from deptrans.session_history where driver_license_pd_id = ${person} and at <= ${at} order by at desc limit 1)
    order by place limit 1`.execute(db);
  if (!rows[0] || rows[0].deleted) return null;
  const { deleted: _, place: _place, ...shift } = rows[0];
  return shift;
}

/** Of the newest messages those that name the profile, in either of the topic's two forms. */
async function readQuarantined(db: Db, { parkId, driverId }: Key, at: Date): Promise<DriverRecord['quarantined']> {
  const named = (tag: number, id: string) => {
    const bytes = Buffer.from(id);
    const field = Buffer.concat([Buffer.of(tag, bytes.length), bytes]);
    return sql`(position(${Buffer.from(JSON.stringify(id))}::bytea in payload) > 0 or position(${field}::bytea in payload) > 0)`;
  };
  const { rows } = await sql<{ reason: string; at: Date }>`/* record.quarantined */
    select reason, at from (
      select reason, at, payload from deptrans.quarantine where at <= ${at} order by at desc limit ${QUARANTINE}) q
     where ${named(0x0a, parkId)} and ${named(0x12, driverId)} order by at desc limit 5`.execute(db);
  return rows;
}
