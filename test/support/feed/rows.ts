import type { Tail } from '../../../src/store/feed.ts';
import type { BindingRow, ProfileRow, SessionRow } from '../../../src/store/feed-rows.ts';

/** Rows with what a test does not care about filled in. */
export function profileRow(
  no: number,
  seq: number,
  person: number | null,
  changed: Partial<ProfileRow> = {},
): ProfileRow {
  return {
    profile_no: no,
    park_id: 'park',
    driver_id: `driver-${no}`,
    person_no: person,
    driver_license_pd_id: person === null ? null : `person-${person}`,
    deleted: false,
    seq,
    ...changed,
  };
}

export function bindingRow(person: number, seq: number, changed: Partial<BindingRow> = {}): BindingRow {
  return {
    person_no: person,
    driver_license_pd_id: `person-${person}`,
    deptrans_id: `${person}`,
    state: 'bound',
    updated_us: 1_000_000,
    seq,
    ...changed,
  };
}

export function sessionRow(person: number, seq: number, changed: Partial<SessionRow> = {}): SessionRow {
  return {
    person_no: person,
    driver_license_pd_id: `person-${person}`,
    session_status: 'online',
    session_status_raw: null,
    updated_us: 2_000_000,
    ended_us: 3_000_000,
    end_is_estimate: false,
    region: 'moscow',
    deleted: false,
    seq,
    ...changed,
  };
}

/** A tail of one commit from `prev` to `seq`. */
export function commitOf(
  prev: number,
  seq: number,
  rows: Partial<Pick<Tail, 'profiles' | 'bindings' | 'sessions'>>,
): Tail {
  const empty = { profiles: [], bindings: [], sessions: [] };
  return { epoch: 'a'.repeat(32), floor: 0, head: seq, commits: [{ seq, prev, at_us: seq }], ...empty, ...rows };
}
