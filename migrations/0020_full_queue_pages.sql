-- The queue's pages are filled: nearly every update of a row changes when it is due, which is in an index, so no room beside the old version is of use.

alter table deptrans.status_queue set (fillfactor = 100);
