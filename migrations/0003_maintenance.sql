-- Maintenance: finding what may go.

-- The feed's newest number once an hour: by it the age of a tombstone is told. Retention: as the tombstones.
create table deptrans.feed_marks (
  at  timestamptz primary key,
  seq bigint      not null
);

-- Tombstones, so that collecting them reads nothing else.
create index driver_persons_deleted on deptrans.driver_persons (park_id, driver_id) where deleted;
create index profiles_unbound on deptrans.profiles (driver_license_pd_id) where deptrans_id is null;
create index session_statuses_deleted on deptrans.session_statuses (driver_license_pd_id) where deleted;
