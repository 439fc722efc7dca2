-- What operators do: the pause of delivery, and a record of every operation.

-- One row while delivery is paused; none otherwise. Retention: goes when delivery is resumed.
create table deptrans.delivery_pause (
  only_row  boolean     primary key default true check (only_row),
  since     timestamptz not null,
  paused_by text        not null,
  reason    text        not null
);

-- Who asked for which operation. Append only, written before the operation is carried out. Retention: 365 d by default.
create table deptrans.audit (
  id         bigint      generated always as identity primary key,
  at         timestamptz not null,
  -- The caller's own word for itself.
  caller     text        not null,
  -- The method of OperationsService.
  operation  text        not null,
  -- As in the log and in the answer's header x-request-id.
  request_id text        not null,
  -- What was asked for. No deptrans id and no token.
  detail     jsonb       not null
);
create index audit_at on deptrans.audit (at);

-- Parked accounts, to list them page by page in an order that shows no id.
create index reports_parked on deptrans.reports (bind_no) where parked_reason is not null;
