-- Reporting: what drivers do, what the regulator last accepted, and the queue between the two.
--
-- Lock order, the same in every transaction: topic_offsets, driver_states, mapping lock, driver_persons, profiles, reports,
-- status_queue, session_statuses, balance, feed lock; within a table by key.
-- Retention is stated at each table and carried out by src/maintenance.

-- The only clock of the database. Tests may replace this function by one with an offset; nothing else may.
create function deptrans.now() returns timestamptz language sql volatile parallel safe as 'select clock_timestamp()';

-- Versions and lease tokens. Global, because a per-row counter starts again when a row is deleted and made anew.
create sequence deptrans.change_no;

-- The newest status of each profile. Retention: offline rows older than the replay horizon (7 d).
-- (event_at, source_gen, source_offset) is the order key: an event that is not greater is ignored. A push has offset -1.
create table deptrans.driver_states (
  park_id       text        not null,
  driver_id     text        not null,
  status        text        not null check (status in ('offline', 'online', 'busy')),
  connected     boolean     generated always as (status <> 'offline') stored,
  -- The last change from offline to connected, also when a break was folded away within one batch.
  connected_at  timestamptz,
  event_at      timestamptz not null,
  source_gen    bigint      not null,
  source_offset bigint      not null,
  -- The last event of any kind, to about ten minutes: silence for longer than max_silence counts as offline.
  seen_at       timestamptz not null,
  primary key (park_id, driver_id)
) with (fillfactor = 80);
create index driver_states_silent on deptrans.driver_states (seen_at) where connected;
create index driver_states_forgotten on deptrans.driver_states (seen_at) where not connected;

-- An unsettled change: "look at this driver again". Retention: rows leave when they are settled.
create table deptrans.status_queue (
  park_id       text        not null,
  driver_id     text        not null,
  status        text        not null,
  version       bigint      not null default nextval('deptrans.change_no'),
  event_at      timestamptz not null,
  queued_at     timestamptz not null,
  -- The row stands for exactly one event in the balance.
  carries_event boolean     not null,
  -- Not null: must be routed to its account then. Null: handed to an account.
  due_at        timestamptz,
  -- Why the row waits without an account; null when it has one.
  wait_reason   text,
  primary key (park_id, driver_id)
) with (fillfactor = 90);
create index status_queue_due on deptrans.status_queue (due_at) where due_at is not null;

-- Dense numbers of people: the feed's arrays are indexed by them. Kept for ever (16 MB per 100,000 people at most).
create table deptrans.persons (
  person_no            int  generated always as identity primary key,
  driver_license_pd_id text not null unique
);

-- Mirror of driver-profiles and driver-categories-api: one row for both, so that one row lock orders them.
-- Retention: deleted profiles go when the feed's floor has passed them.
create table deptrans.driver_persons (
  park_id              text    not null,
  driver_id            text    not null,
  profile_no           int     generated always as identity unique,
  -- Null: none, or the profile is deleted.
  driver_license_pd_id text,
  person_no            int     references deptrans.persons,
  deleted              boolean not null default false,
  person_revision      bigint  not null default -1,
  categories           text[]  not null default '{}',
  categories_revision  bigint  not null default -1,
  -- Number of the last change of profile -> person, in commit order. 0: never published.
  seq                  bigint  not null default 0,
  primary key (park_id, driver_id)
) with (fillfactor = 90);
create index driver_persons_person on deptrans.driver_persons (driver_license_pd_id);

-- The brief's binding of a person to a government id. An unbound row stays as a tombstone.
-- Retention: tombstones go when the feed's floor has passed them.
create table deptrans.profiles (
  driver_license_pd_id text        primary key,
  person_no            int         not null unique references deptrans.persons,
  -- Canonical (no leading zeros). Null: unbound.
  deptrans_id          text        unique,
  updated_at           timestamptz not null,
  -- Changes with each binding and unbinding; compared when a check made outside a transaction is saved.
  bind_no              bigint      not null default nextval('deptrans.change_no'),
  checked_at           timestamptz,
  state                text        not null default 'bound' check (state in ('unbound', 'bound', 'recheck', 'rejected')),
  seq                  bigint      not null default 0
);
-- Bindings change rarely and mostly once: a range of blocks is a range of times, and the index stays at some kilobytes.
create index profiles_updated_at on deptrans.profiles using brin (updated_at) with (autosummarize = on);

-- The account: one deptrans id as the regulator knows it. One row per id ever bound.
-- Retention: unowned, closed, free, idle, without doubt, for 30 d.
create table deptrans.reports (
  deptrans_id      text        primary key,
  bind_no          bigint      not null default nextval('deptrans.change_no'),
  -- The last report that the regulator accepted is CONNECTED.
  believed         boolean     not null default false,
  -- A call of ours may have taken effect without our knowing.
  doubt            boolean     not null default false,
  -- Somebody settled late while another held the lease. Becomes doubt at the next claim.
  suspect          boolean     not null default false,
  -- A cause changed since the claim. Cleared by the claim, never by the settle.
  dirty            boolean     not null default false,
  -- The owner has a connected profile, yet CONNECTED is not desired: the sweep looks at positions.
  watched          boolean     not null default false,
  lease_token      bigint,
  -- The intent: true = CONNECTED, false = DISCONNECTED, null = no call has begun under this lease.
  target           boolean,
  occurred_at      timestamptz,
  last_occurred_at timestamptz,
  -- Quiet time or Retry-After. Wakes do not shorten it.
  not_before       timestamptz,
  -- When to look next; while leased, the end of the lease.
  due_at           timestamptz,
  parked_reason    text,
  park_until       timestamptz,
  park_count       int         not null default 0,
  wait_reason      text,
  attempts         int         not null default 0,
  region           text,
  session_id       text,
  -- As in session_statuses: the contract's word, the regulator's own if ours is 'unrecognised', the end and whether it may move.
  session_status   text,
  session_raw      text,
  session_end      timestamptz,
  session_end_is_estimate boolean not null default false,
  -- The regulator ended the session while we still believe CONNECTED.
  session_over_at  timestamptz,
  outside_since    timestamptz,
  verify_at        timestamptz,
  changed_at       timestamptz not null default deptrans.now()
) with (fillfactor = 70);
create index reports_due on deptrans.reports (due_at) where due_at is not null;
create index reports_swept on deptrans.reports (deptrans_id) where believed or doubt or watched or parked_reason is not null;

-- The position in the topic. One row per partition, kept for ever. Push has a row of its own per instance slot.
create table deptrans.topic_offsets (
  topic       text   not null,
  partition   int    not null,
  -- Counts up when the broker's topic id changes: offsets of another topic of the same name mean nothing.
  generation  bigint not null,
  topic_id    text   not null,
  next_offset bigint not null,
  -- Messages counted as "in".
  taken       bigint not null default 0,
  primary key (topic, partition)
);

-- Where events went, but for those that still wait. taken = sum(balance) + rows of status_queue that carry an event.
create table deptrans.balance (
  slot    text   not null,
  outcome text   not null check (outcome in
    ('sent', 'merged', 'no_change', 'filtered', 'expired', 'quarantined', 'duplicate', 'outdated')),
  reason  text   not null default '',
  n       bigint not null,
  primary key (slot, outcome, reason)
) with (fillfactor = 70);

-- Events that could not be read. Retention: 30 d.
create table deptrans.quarantine (
  id            bigint      generated always as identity primary key,
  topic         text        not null,
  partition     int         not null,
  generation    bigint      not null,
  source_offset bigint      not null,
  reason        text        not null,
  at            timestamptz not null,
  -- The first 4 KiB of the message as it came.
  payload       bytea       not null
);
create index quarantine_at on deptrans.quarantine (at);

-- Every transition, binding, intent and outcome. Append only. Retention: whole days, 30 by default.
create table deptrans.journal (
  at                   timestamptz not null,
  kind                 text        not null check (kind in ('transition', 'binding', 'intent', 'outcome', 'lookup')),
  park_id              text,
  driver_id            text,
  driver_license_pd_id text,
  -- Keyed hash of the deptrans id.
  account              bytea,
  -- 'connected' or 'disconnected'
  direction            text,
  outcome              text,
  reason               text,
  region               text,
  lease_token          bigint,
  happened_at          timestamptz,
  received_at          timestamptz,
  sent_at              timestamptz,
  answered_at          timestamptz,
  detail               jsonb
) partition by range (at);
create index journal_person on deptrans.journal (driver_license_pd_id, at);
create table deptrans.journal_default partition of deptrans.journal default;

-- What of the configuration decides about eligibility, numbered. Retention: the newest 100.
create table deptrans.reporting_rules (
  version    bigint      generated always as identity primary key,
  created_at timestamptz not null,
  digest     text        not null,
  rules      jsonb       not null
);

-- The regulator as the cluster sees it: open_since set = it does not answer and only probes go out.
create table deptrans.gate (
  regulator     text        primary key,
  open_since    timestamptz,
  next_probe_at timestamptz,
  rate          double precision,
  changed_at    timestamptz not null
);

-- One token for all instances.
create table deptrans.regulator_tokens (
  regulator    text        primary key,
  token        text,
  token_no     bigint      not null default 0,
  obtained_at  timestamptz,
  -- The regulator refused the token: log in before the next call.
  refused      boolean     not null default false,
  -- One instance logs in until then.
  login_until  timestamptz,
  -- No login before (throttled).
  next_login_at timestamptz
);

-- Work for one instance at a time. The term fences a former leader: its writes name the term they were made in.
create table deptrans.leaders (
  name       text        primary key,
  holder     text        not null,
  term       bigint      not null,
  expires_at timestamptz not null
);

-- How far the mirror has come, per stream.
create table deptrans.mirror_streams (
  stream       text        primary key check (stream in ('profiles', 'categories')),
  -- The neighbour's own word for the position.
  revision     text,
  -- The first full load has ended.
  complete     boolean     not null default false,
  -- The last time the neighbour said that nothing is newer.
  confirmed_at timestamptz,
  -- A full reload is under way since then; rows not seen by its end are gone.
  reload_no    bigint      not null default 0,
  reloading    boolean     not null default false
);

-- Partitions by day: makes those from p_from on. A day whose rows already fell into the default partition is left there.
create function deptrans.make_day_partitions(p_table text, p_from date, p_days int) returns void language plpgsql as $f$
declare
  d date;
begin
  for d in select p_from + i from generate_series(0, p_days - 1) i loop
    if to_regclass(format('deptrans.%I', p_table || '_' || to_char(d, 'YYYYMMDD'))) is null then
      begin
        execute format('create table deptrans.%I partition of deptrans.%I for values from (%L) to (%L)',
          p_table || '_' || to_char(d, 'YYYYMMDD'), p_table, d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC');
      exception when check_violation or duplicate_table then null;
      end;
    end if;
  end loop;
end $f$;

-- Drops the days that end at or before p_before, and empties the default partition to there. Returns how many days went.
create function deptrans.drop_day_partitions(p_table text, p_before timestamptz) returns int language plpgsql as $f$
declare
  part text;
  dropped int := 0;
begin
  for part in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = format('deptrans.%I', p_table)::regclass and c.relname ~ '_[0-9]{8}$'
       and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= p_before
     order by c.relname
  loop
    execute format('drop table deptrans.%I', part);
    dropped := dropped + 1;
  end loop;
  execute format('delete from deptrans.%I where at < %L', p_table || '_default', p_before);
  return dropped;
end $f$;
