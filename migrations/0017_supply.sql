-- Supply: how many drivers the checks would take off the road. Everything here is derived from other tables, and may be lost.

-- Profiles that connected, disconnected or changed their tariffs: one row per commit, for whoever counts them. What else concerns a person is told by
-- feed_log. A reader remembers a snapshot and asks for the commits that it did not see: none is missed, whatever order they commit in.
-- Append only. Retention: 10 min by default; who was away for longer counts anew.
create table deptrans.supply_changes (
  tx       xid8        not null default pg_current_xact_id(),
  at       timestamptz not null,
  -- profile_no of those that the mirror knows …
  profiles int[]       not null,
  -- … and the keys of the others: park_id and driver_id in turn.
  keys     text[]      not null
);
create index supply_changes_tx on deptrans.supply_changes (tx);

-- The figures of each region as they are now. Written by the one instance that counts. Retention: one row per region.
create table deptrans.supply_now (
  region         text        primary key,
  at             timestamptz not null,
  -- The policy that they are counted by.
  policy_version bigint      not null,
  -- People who work by a tariff of some region, and nobody knows where they are. Of all regions together.
  unplaced       bigint      not null,
  -- As src/supply/figures.ts makes them.
  figures        jsonb       not null
);

-- The figures of the past. Written by the one instance that counts. Retention: minutes 7 d, hours 400 d by default.
create table deptrans.supply_history (
  region     text        not null,
  step       text        not null check (step in ('minute', 'hour')),
  -- When the minute or hour began.
  at         timestamptz not null,
  -- For how much of it somebody counted.
  covered_ms bigint      not null,
  -- People at its end, and for how many ms of theirs it was so.
  figures    jsonb       not null,
  primary key (region, step, at)
);
