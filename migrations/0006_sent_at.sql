-- When the newest intent of an account was written. Whose a session is, is told by this, never by the time of the event: events may have
-- waited for hours before they were sent.
alter table deptrans.reports add column last_sent_at timestamptz;
