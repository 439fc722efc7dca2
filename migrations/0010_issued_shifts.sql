-- When a session that is not on yet, or that an accepted report said nothing of, is to be read again; null: as all others. At spare rate only.
alter table deptrans.reports add column reread_at timestamptz;
create index reports_reread on deptrans.reports (reread_at) where reread_at is not null;
