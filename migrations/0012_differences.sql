-- Readings that found something else than was believed. There are few: the index costs those that did not next to nothing.
create index journal_differences on deptrans.journal (lease_token) where kind = 'lookup' and reason = 'differs';
