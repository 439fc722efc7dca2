import { sql } from 'kysely';
import { copyOut } from './copy-out.ts';
import type { Db } from './database.ts';
import { openTuples, Tuple } from './tuples.ts';

/**
 * The whole state, a table at a time, each from a snapshot of its own, so nothing is held open in the database for longer than one table takes.
 * The tables overlap with commits made meanwhile, and the numbers in the rows tell which version is which. Read the head of the log first: everything after
 * it must be tailed.
 *
 * Rows that were never published (seq 0) are left out. The row given to `put` is read where it lies, column by column when asked, and is
 * valid until `put` returns: making objects and texts of millions of rows would take several times as long as reading them.
 */
export type Put<Row> = (row: Row) => void;

/** The greatest numbers that are given, to profiles and to people; 0 if there are none. */
export type Numbers = { profiles: number; people: number };

export async function readNumbers(db: Db, signal?: AbortSignal): Promise<Numbers> {
  const { rows } = await sql<Numbers>`/* image.numbers */
    select coalesce((select max(profile_no) from deptrans.driver_persons), 0) as profiles,
           coalesce((select max(person_no) from deptrans.persons), 0) as people`.execute(db, signal && { signal });
  return rows[0]!;
}

/** A text where it lies: `length` bytes from `at` on, in UTF-8; -1 for null. `view` shows the same bytes. */
export type TextInPlace = {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly length: number;
};

class TextField implements TextInPlace {
  readonly #tuple: Tuple;
  readonly #field: number;

  constructor(tuple: Tuple, field: number) {
    this.#tuple = tuple;
    this.#field = field;
  }

  get bytes() {
    return this.#tuple.bytes;
  }
  get view() {
    return this.#tuple.view;
  }
  get at() {
    return this.#tuple.at(this.#field);
  }
  get length() {
    return this.#tuple.length(this.#field);
  }
}

// The token of a person comes with the profiles alone: nobody is shown whom no profile names.

const PROFILES = `select profile_no, coalesce(person_no, 0), seq, deleted, park_id, driver_id, driver_license_pd_id
  from deptrans.driver_persons where seq > 0`;

/** A row of `driver_persons`; `personNo` is 0 for nobody, whose token is null. */
export class CopiedProfile {
  readonly #tuple: Tuple;
  readonly parkId: TextInPlace;
  readonly driverId: TextInPlace;
  readonly token: TextInPlace;

  constructor(tuple: Tuple) {
    this.#tuple = tuple;
    this.parkId = new TextField(tuple, 4);
    this.driverId = new TextField(tuple, 5);
    this.token = new TextField(tuple, 6);
  }

  get no() {
    return this.#tuple.int4(0);
  }
  get personNo() {
    return this.#tuple.int4(1);
  }
  get seq() {
    return this.#tuple.int8(2);
  }
  get isDeleted() {
    return this.#tuple.bool(3);
  }
}

const BINDINGS = `select person_no, seq, updated_at, state, deptrans_id::text from deptrans.profiles where seq > 0`;

/** A row of `profiles`. */
export class CopiedBinding {
  readonly #tuple: Tuple;
  readonly state: TextInPlace;
  readonly deptransId: TextInPlace;

  constructor(tuple: Tuple) {
    this.#tuple = tuple;
    this.state = new TextField(tuple, 3);
    this.deptransId = new TextField(tuple, 4);
  }

  get personNo() {
    return this.#tuple.int4(0);
  }
  get seq() {
    return this.#tuple.int8(1);
  }
  get updatedUs() {
    return this.#tuple.micros(2);
  }
}

const SESSIONS = `select person_no, seq, updated_at, ended_at, end_is_estimate, deleted, session_status, session_status_raw, region
  from deptrans.session_statuses where seq > 0`;

/** A row of `session_statuses`. */
export class CopiedSession {
  readonly #tuple: Tuple;
  readonly status: TextInPlace;
  readonly raw: TextInPlace;
  readonly region: TextInPlace;

  constructor(tuple: Tuple) {
    this.#tuple = tuple;
    this.status = new TextField(tuple, 6);
    this.raw = new TextField(tuple, 7);
    this.region = new TextField(tuple, 8);
  }

  get personNo() {
    return this.#tuple.int4(0);
  }
  get seq() {
    return this.#tuple.int8(1);
  }
  get updatedUs() {
    return this.#tuple.micros(2);
  }
  get endedUs() {
    return this.#tuple.isNull(3) ? null : this.#tuple.micros(3);
  }
  get isEstimate() {
    return this.#tuple.bool(4);
  }
  get isDeleted() {
    return this.#tuple.bool(5);
  }
}

export const readProfiles = (db: Db, put: Put<CopiedProfile>, signal?: AbortSignal) =>
  read(db, { query: PROFILES, fields: 7, Row: CopiedProfile }, put, signal);

export const readBindings = (db: Db, put: Put<CopiedBinding>, signal?: AbortSignal) =>
  read(db, { query: BINDINGS, fields: 5, Row: CopiedBinding }, put, signal);

export const readSessions = (db: Db, put: Put<CopiedSession>, signal?: AbortSignal) =>
  read(db, { query: SESSIONS, fields: 9, Row: CopiedSession }, put, signal);

type Source<Row> = { query: string; fields: number; Row: new (tuple: Tuple) => Row };

async function read<Row>(db: Db, { query, fields, Row }: Source<Row>, put: Put<Row>, signal?: AbortSignal) {
  const tuple = new Tuple(fields);
  const row = new Row(tuple);
  const tuples = openTuples(tuple);
  const take = (bytes: Buffer, from: number, to: number) => {
    if (tuples.take(bytes, from, to)) put(row);
  };
  await copyOut(db, query, take, signal);
}
