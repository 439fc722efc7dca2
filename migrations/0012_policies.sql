-- What failing checks do, as numbered versions. Append only. Retention: for ever, since every verdict names its version.
create table deptrans.policies (
  version   bigint      primary key,
  -- deptrans.v1.Policy in the JSON of the contract.
  policy    jsonb       not null,
  -- Everything is switched off, whatever the policy says.
  suspended boolean     not null,
  author    text        not null,
  reason    text        not null,
  put_at    timestamptz not null
);
