-- Previews of policies: what they are judged by of the past, and the way to the instance that counts.

-- A few of the failing people of each minute, as they were. Written by the one instance that counts. Retention: 7 d by default.
create table deptrans.supply_samples (
  at      timestamptz primary key,
  -- Failing people of each region in that minute: how many each of those below stands for.
  failing jsonb       not null,
  people  jsonb       not null
);

-- Questions to the instance that counts, by others. It deletes what is older than 10 min.
create table deptrans.previews (
  id     bigint generated always as identity primary key,
  at     timestamptz not null,
  -- deptrans.v1.Policy in the JSON of the contract.
  policy jsonb       not null,
  -- As src/supply/preview.ts makes it; null: not yet.
  answer jsonb
);
