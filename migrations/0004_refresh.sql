-- Sessions read again while they are open, and the outages of regulators.

-- When the regulator last told about the session, by an answer or a reading.
alter table deptrans.reports add column session_read_at timestamptz;
create index reports_stale on deptrans.reports (session_read_at) where believed and session_over_at is null;

-- Episodes in which a regulator did not answer. Retention: as the journal.
create table deptrans.outages (
  regulator text        not null,
  from_at   timestamptz not null,
  -- Null: it lasts.
  to_at     timestamptz,
  probes    int         not null default 0,
  primary key (regulator, from_at)
);
