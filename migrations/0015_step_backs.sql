-- Regions that fall back from blocking to warning by themselves, and what they are judged by.

-- When, why, and until when. Retention: ended ones `maintenance.auditDays`.
create table deptrans.step_backs (
  id             bigint generated always as identity primary key,
  region         text        not null,
  policy_version bigint      not null,
  from_at        timestamptz not null,
  reason         text        not null check (reason in ('lost_share', 'unknown_share', 'data_age', 'regulator_down', 'no_reading')),
  -- A share, or seconds; null: nothing was read.
  reading        float8,
  limit_value    float8      not null,
  connected      int         not null,
  -- Since when all readings are well below their limits; null: one is not.
  calm_since     timestamptz,
  needs_operator boolean     not null,
  to_at          timestamptz,
  -- Null: it lasts, or ended by itself.
  ended_by       text,
  end_reason     text
);
create unique index step_backs_now on deptrans.step_backs (region) where to_at is null;
create index step_backs_region on deptrans.step_backs (region, from_at);

-- The latest reading of each region, written every second by the instance that counts.
create table deptrans.region_readings (
  region      text        primary key,
  at          timestamptz not null,
  connected   int         not null,
  lost        int         not null,
  unknown     int         not null,
  -- How old the facts were.
  data_age_ms float8      not null
) with (fillfactor = 20);
