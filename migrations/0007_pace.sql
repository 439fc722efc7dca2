-- The allowed rate of a regulator, found by the cluster together, and the token's early renewal.

-- Calls are dealt out as slots in time: `next_slot_at` is the first that nobody has. `rate` (calls a second) decides how far apart they are.
alter table deptrans.gate
  add column next_slot_at timestamptz,
  -- The rate at which the regulator last throttled; null: it never has.
  add column rate_hint    double precision,
  -- Each lowering of the rate has a number; a call that was throttled under an older one lowers nothing.
  add column cut_no       bigint not null default 0,
  add column cut_at       timestamptz,
  -- Lowerings in a row without calm between them.
  add column cut_streak   int    not null default 0;
