-- States are looked for by their key alone; their retention goes through the table page by page. So no event of a driver who is known touches an index.

drop index deptrans.driver_states_silent;
drop index deptrans.driver_states_forgotten;
