import { copyOut } from './copy-out.ts';
import type { Db } from './database.ts';
import type { BindingRow, ProfileRow, SessionRow } from './feed-rows.ts';
import { eachTuple, type Tuple } from './tuples.ts';

/**
 * The whole state, a table at a time, each from a snapshot of its own, so nothing is held open in the database for longer than one table takes.
 * The tables overlap with commits made meanwhile, and the numbers in the rows tell which version is which. Read the head of the log first: everything after
 * it must be tailed.
 *
 * Rows that were never published (seq 0) are left out. The row given to `put` is read where it lies, column by column when asked, and is
 * valid until `put` returns: making objects and texts of millions of rows would take several times as long as reading them.
 */
export type Put<Row> = (row: Readonly<Row>) => void;

/** A row over the tuple that lies under the reader now. */
class CopiedRow {
  protected readonly tuple: Tuple;

  constructor(tuple: Tuple) {
    this.tuple = tuple;
  }

  protected textOrNull(field: number): string | null {
    return this.tuple.isNull(field) ? null : this.tuple.text(field);
  }
}

const PROFILES = `select profile_no, person_no, deleted, seq, park_id, driver_id, driver_license_pd_id
  from deptrans.driver_persons where seq > 0`;

class CopiedProfile extends CopiedRow implements ProfileRow {
  get profile_no() {
    return this.tuple.int4(0);
  }
  get person_no() {
    return this.tuple.isNull(1) ? null : this.tuple.int4(1);
  }
  get deleted() {
    return this.tuple.bool(2);
  }
  get seq() {
    return this.tuple.int8(3);
  }
  get park_id() {
    return this.tuple.text(4);
  }
  get driver_id() {
    return this.tuple.text(5);
  }
  get driver_license_pd_id() {
    return this.textOrNull(6);
  }
}

const BINDINGS = `select person_no, seq, updated_at, state, deptrans_id::text, driver_license_pd_id
  from deptrans.profiles where seq > 0`;

class CopiedBinding extends CopiedRow implements BindingRow {
  get person_no() {
    return this.tuple.int4(0);
  }
  get seq() {
    return this.tuple.int8(1);
  }
  get updated_us() {
    return this.tuple.micros(2);
  }
  get state() {
    return this.tuple.text(3) as BindingRow['state'];
  }
  get deptrans_id() {
    return this.textOrNull(4);
  }
  get driver_license_pd_id() {
    return this.tuple.text(5);
  }
}

const SESSIONS = `select person_no, seq, updated_at, ended_at, end_is_estimate, deleted, session_status, session_status_raw, region,
  driver_license_pd_id from deptrans.session_statuses where seq > 0`;

class CopiedSession extends CopiedRow implements SessionRow {
  get person_no() {
    return this.tuple.int4(0);
  }
  get seq() {
    return this.tuple.int8(1);
  }
  get updated_us() {
    return this.tuple.micros(2);
  }
  get ended_us() {
    return this.tuple.isNull(3) ? null : this.tuple.micros(3);
  }
  get end_is_estimate() {
    return this.tuple.bool(4);
  }
  get deleted() {
    return this.tuple.bool(5);
  }
  get session_status() {
    return this.tuple.text(6);
  }
  get session_status_raw() {
    return this.textOrNull(7);
  }
  get region() {
    return this.textOrNull(8);
  }
  get driver_license_pd_id() {
    return this.tuple.text(9);
  }
}

export const readProfiles = (db: Db, put: Put<ProfileRow>, signal?: AbortSignal) =>
  read(db, { query: PROFILES, fields: 7, Row: CopiedProfile }, put, signal);

export const readBindings = (db: Db, put: Put<BindingRow>, signal?: AbortSignal) =>
  read(db, { query: BINDINGS, fields: 6, Row: CopiedBinding }, put, signal);

export const readSessions = (db: Db, put: Put<SessionRow>, signal?: AbortSignal) =>
  read(db, { query: SESSIONS, fields: 10, Row: CopiedSession }, put, signal);

type Source<Row> = { query: string; fields: number; Row: new (tuple: Tuple) => Row };

async function read<Row>(db: Db, { query, fields, Row }: Source<Row>, put: Put<Row>, signal?: AbortSignal) {
  let row: Row | undefined;
  await eachTuple(copyOut(db, query, signal), fields, (tuple) => {
    row ??= new Row(tuple);
    put(row);
  });
}
