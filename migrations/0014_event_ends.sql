-- How the last event of a profile ended of those that leave no line in the journal, for those who ask what became of it. One row per profile and outcome,
-- overwritten by the next. A report that was made stands in the journal, a message that could not be taken in the quarantine; an event that a newer one
-- replaced is told by the journal's changes. Nothing of the service's work is decided by it.
-- Written under the lock of the profile's row in `status_queue` (no_change, filtered, expired) or `driver_states` (duplicate, outdated), in key order.
-- Retention: journalDays (30 d by default).
create table deptrans.event_ends (
  park_id   text        not null,
  driver_id text        not null,
  outcome   text        not null check (outcome in ('no_change', 'filtered', 'expired', 'duplicate', 'outdated')),
  -- As in `balance`.
  reason    text        not null default '',
  -- The event's own time.
  event_at  timestamptz not null,
  -- When it ended.
  at        timestamptz not null,
  primary key (park_id, driver_id, outcome)
) with (fillfactor = 80);
