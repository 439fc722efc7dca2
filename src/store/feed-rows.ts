/**
 * Rows of the feed, as both the load of the image and the tail read them. Times are microseconds since 1970, which a double holds exactly
 * for the next 250 years; an infinite time comes as `Infinity` (or, inside JSON, as a text).
 */
export type ProfileRow = {
  profile_no: number;
  park_id: string;
  driver_id: string;
  /** Null, like the person: no licence on record. */
  person_no: number | null;
  driver_license_pd_id: string | null;
  deleted: boolean;
  seq: number;
};

export type BindingRow = {
  person_no: number;
  driver_license_pd_id: string;
  deptrans_id: string | null;
  state: 'unbound' | 'bound' | 'recheck' | 'rejected';
  updated_us: number | string;
  seq: number;
};

export type SessionRow = {
  person_no: number;
  driver_license_pd_id: string;
  session_status: string;
  session_status_raw: string | null;
  updated_us: number | string;
  ended_us: number | string | null;
  end_is_estimate: boolean;
  region: string | null;
  deleted: boolean;
  seq: number;
};

export const PROFILE_COLUMNS = `t.profile_no, t.park_id, t.driver_id, t.person_no, t.driver_license_pd_id, t.deleted, t.seq`;

export const BINDING_COLUMNS = `t.person_no, t.driver_license_pd_id, t.deptrans_id, t.state,
  (extract(epoch from t.updated_at) * 1000000)::float8 as updated_us, t.seq`;

export const SESSION_COLUMNS = `t.person_no, t.driver_license_pd_id, t.session_status, t.session_status_raw,
  (extract(epoch from t.updated_at) * 1000000)::float8 as updated_us,
  (extract(epoch from t.ended_at) * 1000000)::float8 as ended_us, t.end_is_estimate, t.region, t.deleted, t.seq`;
