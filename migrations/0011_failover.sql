-- A failover to a standby that lagged. What the lost commits said of calls is not known here, and the calls may have taken effect.

-- The cluster and the timeline of the server that we talk to: the name of this history of the database.
create function deptrans.timeline() returns text language sql stable as $f$
  select concat_ws('/', (select system_identifier from pg_control_system()), lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)))
$f$;

-- The history that delivery goes on with. One row, kept for ever. Locked before any other table.
create table deptrans.delivery_history (
  only_row     boolean     primary key default true check (only_row),
  timeline     text        not null,
  since        timestamptz not null,
  -- No account is claimed before: whatever was sent by lost intents has ended by then.
  claims_from  timestamptz not null,
  -- Until then an account that is woken, and was not looked at since `since`, is suspect: what wakes it may have led to a lost call before.
  doubt_until  timestamptz not null
);
insert into deptrans.delivery_history (timeline, since, claims_from, doubt_until)
values (deptrans.timeline(), deptrans.now(), '-infinity', '-infinity');

-- Whether accounts may be claimed: not on a history whose lost calls are not accounted for.
create function deptrans.may_claim() returns boolean language sql volatile as $f$
  select timeline = deptrans.timeline() and claims_from <= deptrans.now() from deptrans.delivery_history
$f$;

-- Accounts that were last looked at before this are suspect when they are woken. Null: none is.
create function deptrans.suspect_before() returns timestamptz language sql volatile as $f$
  select since from deptrans.delivery_history where doubt_until > deptrans.now()
$f$;

-- An account that is made then may have been there before, and reported: its binding was lost and is made again.
alter table deptrans.reports alter column suspect set default deptrans.suspect_before() is not null;
