-- One person in 64, for previews of a past that is too long to be read in whole.
create index supply_intervals_few on deptrans.supply_intervals (at, person_no) where (person_no & 63) = 0;
