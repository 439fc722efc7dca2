-- Changes of licence: a person whose id may belong with a new person now, until the regulator was asked.

-- Every profile of `former`, who has an id, went to others, and `driver_license_pd_id`, who has none, got one of them. Written with the mapping.
-- Retention: rows leave when the regulator has answered or nothing is left to ask; what waits longer goes after 30 d by default.
create table deptrans.licence_changes (
  driver_license_pd_id text        not null,
  former               text        not null,
  changed_at           timestamptz not null,
  -- When to ask; while somebody asks, until when it is his. Null: `former` still has a profile, so it is no change of licence yet.
  due_at               timestamptz,
  attempts             int         not null default 0,
  primary key (driver_license_pd_id, former)
);
create index licence_changes_due on deptrans.licence_changes (due_at) where due_at is not null;
create index licence_changes_former on deptrans.licence_changes (former);
create index licence_changes_age on deptrans.licence_changes (changed_at);
