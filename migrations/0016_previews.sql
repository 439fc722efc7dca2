-- Questions about policies to the instance that counts, by others. It deletes what is older than 10 min.
create table deptrans.previews (
  id     bigint generated always as identity primary key,
  at     timestamptz not null,
  -- deptrans.v1.Policy in the JSON of the contract.
  policy jsonb       not null,
  -- As src/supply/preview.ts makes it; null: not yet.
  answer jsonb
);
