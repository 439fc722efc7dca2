-- What the newest intent of an account told (true = CONNECTED): a finished session after a DISCONNECTED in doubt was ended by us, after a
-- CONNECTED in doubt by the regulator.
alter table deptrans.reports add column last_target boolean;
