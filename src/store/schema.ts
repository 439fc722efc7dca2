import type { ColumnType, Generated } from 'kysely';

/** Rows of the tables, as Kysely sees them. They never leave `store/`. */
type Filled<T> = ColumnType<T, T | undefined, T>;

export type Schema = {
  'deptrans.driver_states': {
    park_id: string;
    driver_id: string;
    status: string;
    connected: ColumnType<boolean, never, never>;
    connected_at: Date | null;
    event_at: Date;
    source_gen: number;
    source_offset: number;
    seen_at: Date;
  };
  'deptrans.status_queue': {
    park_id: string;
    driver_id: string;
    status: string;
    version: Generated<number>;
    event_at: Date;
    queued_at: Date;
    carries_event: boolean;
    due_at: Date | null;
    wait_reason: string | null;
  };
  'deptrans.persons': { person_no: Generated<number>; driver_license_pd_id: string };
  'deptrans.driver_persons': {
    park_id: string;
    driver_id: string;
    profile_no: Generated<number>;
    driver_license_pd_id: string | null;
    person_no: number | null;
    deleted: Filled<boolean>;
    person_revision: Filled<number>;
    categories: Filled<string[]>;
    categories_revision: Filled<number>;
    seq: Filled<number>;
  };
  'deptrans.profiles': {
    driver_license_pd_id: string;
    person_no: number;
    deptrans_id: string | null;
    updated_at: Date;
    bind_no: Generated<number>;
    checked_at: Date | null;
    state: 'unbound' | 'bound' | 'recheck' | 'rejected';
    seq: Filled<number>;
  };
  'deptrans.reports': {
    deptrans_id: string;
    bind_no: Generated<number>;
    believed: Filled<boolean>;
    doubt: Filled<boolean>;
    suspect: Filled<boolean>;
    dirty: Filled<boolean>;
    watched: Filled<boolean>;
    lease_token: number | null;
    target: boolean | null;
    occurred_at: Date | null;
    last_occurred_at: Date | null;
    last_sent_at: Date | null;
    last_target: boolean | null;
    not_before: Date | null;
    due_at: Date | null;
    parked_reason: string | null;
    park_until: Date | null;
    park_count: Filled<number>;
    wait_reason: string | null;
    attempts: Filled<number>;
    region: string | null;
    session_id: string | null;
    session_status: string | null;
    session_raw: string | null;
    session_end: Date | null;
    session_end_is_estimate: Filled<boolean>;
    session_over_at: Date | null;
    outside_since: Date | null;
    verify_at: Date | null;
    session_read_at: Date | null;
    reread_at: Date | null;
    changed_at: Filled<Date>;
  };
  'deptrans.session_statuses': {
    driver_license_pd_id: string;
    person_no: number;
    session_status: string;
    session_status_raw: string | null;
    updated_at: Date;
    ended_at: Date | null;
    end_is_estimate: Filled<boolean>;
    deptrans_id: string | null;
    region: string | null;
    deleted: Filled<boolean>;
    seq: Filled<number>;
  };
  'deptrans.topic_offsets': {
    topic: string;
    partition: number;
    generation: number;
    topic_id: string;
    next_offset: number;
    taken: Filled<number>;
  };
  'deptrans.balance': { slot: string; outcome: string; reason: string; n: number };
  'deptrans.quarantine': {
    id: Generated<number>;
    topic: string;
    partition: number;
    generation: number;
    source_offset: number;
    reason: string;
    at: Date;
    payload: Buffer;
  };
  'deptrans.reporting_rules': { version: Generated<number>; created_at: Date; digest: string; rules: unknown };
  'deptrans.gate': {
    regulator: string;
    open_since: Date | null;
    next_probe_at: Date | null;
    rate: number | null;
    rate_hint: number | null;
    next_slot_at: Date | null;
    cut_no: Filled<number>;
    cut_at: Date | null;
    cut_streak: Filled<number>;
    changed_at: Date;
  };
  'deptrans.regulator_tokens': {
    regulator: string;
    token: string | null;
    token_no: Filled<number>;
    obtained_at: Date | null;
    refused: Filled<boolean>;
    login_until: Date | null;
    next_login_at: Date | null;
  };
  'deptrans.outages': { regulator: string; from_at: Date; to_at: Date | null; probes: Filled<number> };
  'deptrans.delivery_pause': { only_row: Generated<boolean>; since: Date; paused_by: string; reason: string };
  'deptrans.delivery_history': {
    only_row: Generated<boolean>;
    timeline: string;
    since: Date;
    claims_from: Date;
    doubt_until: Date;
  };
  'deptrans.leaders': { name: string; holder: string; term: number; expires_at: Date };
  'deptrans.mirror_streams': {
    stream: 'profiles' | 'categories';
    revision: string | null;
    complete: Filled<boolean>;
    confirmed_at: Date | null;
    reload_no: Filled<number>;
    reloading: Filled<boolean>;
  };
  'deptrans.feed_log': {
    seq: number;
    prev: number;
    at: Date;
    sessions: number[];
    bindings: number[];
    profiles: number[];
  };
  'deptrans.feed_marks': { at: Date; seq: number };
  'deptrans.feed_state': { only_row: Generated<boolean>; epoch_no: number; floor_seq: number };
};
