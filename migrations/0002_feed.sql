-- The feed: sessions, and the numbers that put every change of an id, a session or a profile into commit order.

-- The brief's session of a person: a projection of the account for its present owner. Retention: with the person's tombstone.
-- No index on a column that changes: updates stay heap-only. The brief's indexes on updated_at and ended_at are on session_history.
create table deptrans.session_statuses (
  driver_license_pd_id text        primary key,
  person_no            int         not null unique references deptrans.persons,
  -- The contract's word in lower case: issued, online, finished, finalized, canceled, unrecognised.
  session_status       text        not null,
  -- The regulator's word where ours is 'unrecognised'.
  session_status_raw   text,
  updated_at           timestamptz not null,
  ended_at             timestamptz,
  end_is_estimate      boolean     not null default false,
  deptrans_id          text,
  region               text,
  deleted              boolean     not null default false,
  seq                  bigint      not null default 0
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- What session_statuses was over time. Append only. Retention: whole days, 30 by default.
create table deptrans.session_history (
  at                   timestamptz not null,
  driver_license_pd_id text        not null,
  session_status       text        not null,
  session_status_raw   text,
  updated_at           timestamptz not null,
  ended_at             timestamptz,
  end_is_estimate      boolean     not null,
  region               text,
  deleted              boolean     not null
) partition by range (at);
create index session_history_updated_at on deptrans.session_history (updated_at);
create index session_history_ended_at on deptrans.session_history (ended_at);
create index session_history_person on deptrans.session_history (driver_license_pd_id, at);
create table deptrans.session_history_default partition of deptrans.session_history default;

create sequence deptrans.feed_seq;

-- One row per commit that changed something: whose sessions, bindings, profiles, by number. Retention: 1 h, and always the newest row.
create table deptrans.feed_log (
  seq      bigint      primary key,
  -- The row before: a chain that a reader can check.
  prev     bigint      not null,
  at       timestamptz not null,
  -- person_no of changed sessions: they hold the numbers prev' + 1 … in this order, then bindings, then profiles.
  sessions int[]       not null,
  -- person_no of changed bindings.
  bindings int[]       not null,
  -- profile_no of changed profiles.
  profiles int[]       not null
);

-- One row: the operator's part of the epoch, and the floor below which tombstones are gone.
create table deptrans.feed_state (
  only_row  boolean primary key default true check (only_row),
  epoch_no  int     not null default 1,
  floor_seq bigint  not null default 0
);
insert into deptrans.feed_state default values;

-- Names the history that numbers belong to: this cluster, timeline and database, and the operator's number.
create function deptrans.feed_epoch() returns text language sql stable as $f$
  select md5(concat_ws('/', (select system_identifier from pg_control_system()),
    case when pg_is_in_recovery() then (select lpad(to_hex(timeline_id), 8, '0') from pg_control_checkpoint())
         else lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)) end,
    (select oid from pg_database where datname = current_database()), epoch_no))
  from deptrans.feed_state
$f$;

-- Numbers changed rows in commit order and logs them; returns the last number, or null if nothing was given.
--
-- The caller has written the rows and holds their locks; this is the LAST statement of its transaction, at most one per transaction,
-- under READ COMMITTED. The lock is held until the commit is visible, so numbers become visible in their order. Gaps are harmless.
create function deptrans.publish(p_sessions int[], p_bindings int[], p_profiles int[]) returns bigint language plpgsql as $f$
declare
  s int := cardinality(p_sessions);
  b int := cardinality(p_bindings);
  n int := s + b + cardinality(p_profiles);
  head bigint;
begin
  if n = 0 then
    return null;
  end if;
  perform pg_advisory_xact_lock(7301);
  head := setval('deptrans.feed_seq', nextval('deptrans.feed_seq') + n - 1);
  update deptrans.session_statuses t set seq = head - n + u.i
    from unnest(p_sessions) with ordinality u(no, i) where t.person_no = u.no;
  update deptrans.profiles t set seq = head - n + s + u.i
    from unnest(p_bindings) with ordinality u(no, i) where t.person_no = u.no;
  update deptrans.driver_persons t set seq = head - n + s + b + u.i
    from unnest(p_profiles) with ordinality u(no, i) where t.profile_no = u.no;
  insert into deptrans.feed_log (seq, prev, at, sessions, bindings, profiles)
    values (head, coalesce((select seq from deptrans.feed_log order by seq desc limit 1), 0), deptrans.now(), p_sessions, p_bindings, p_profiles);
  return head;
end $f$;
