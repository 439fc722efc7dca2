-- Who failed a check, or could not be judged, and for how long: what another policy would have done in the past is told by this.

-- A person's state that began and ended. Append only, written by the one instance that counts. Retention: whole days, 7 by default.
create table deptrans.supply_intervals (
  -- It began. What lasted for longer than a week begins a week before its end.
  at               timestamptz not null,
  to_at            timestamptz not null,
  -- Below 0: the number of a profile without a person.
  person_no        int         not null,
  -- As in session_statuses; empty without a person.
  person           text        not null,
  region           text        not null,
  -- What the checks said, if everybody had been judged: words of verdict/words.ts.
  deptrans_id      text        not null,
  session          text        not null,
  -- The facts behind it.
  binding          text        not null,
  bound_at         timestamptz,
  session_status   text,
  session_ended_at timestamptz,
  -- [park_id, driver_id, its tariffs that the region lists, whether it has come with the feed] of each connected profile.
  profiles         jsonb       not null
) partition by range (at);
create index supply_intervals_at on deptrans.supply_intervals (at, person_no);
-- One person in 64, for previews of a past that is too long to be read in whole.
create index supply_intervals_few on deptrans.supply_intervals (at, person_no) where (person_no & 63) = 0;
create table deptrans.supply_intervals_default partition of deptrans.supply_intervals default;

-- The states that last, one per person. Retention: until they end.
create table deptrans.supply_open (
  person_no        int         primary key,
  at               timestamptz not null,
  -- A hash of the state, for whoever goes on counting.
  digest           bigint      not null,
  person           text        not null,
  region           text        not null,
  deptrans_id      text        not null,
  session          text        not null,
  binding          text        not null,
  bound_at         timestamptz,
  session_status   text,
  session_ended_at timestamptz,
  profiles         jsonb       not null
) with (fillfactor = 80);
