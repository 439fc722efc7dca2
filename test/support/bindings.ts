import { parseDeptransId } from '../../src/domain/binding.ts';
import { bind, type Caller, readCaller } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';

export const KEY = 'key';
export const bindOptions = { journalKey: KEY, lockTimeoutMs: 60_000 };
export const idOf = (text: string) => parseDeptransId(text)!;
export const driverOf = (driverId: string) => ({ parkId: 'park', driverId });

/** The driver as read before a check of the id. */
export async function known(db: Db, driver: string, id: string): Promise<Caller> {
  const caller = await readCaller(db, driverOf(driver), idOf(id));
  if (typeof caller === 'string') throw new Error(caller);
  return caller;
}

/** Saves a check that was made for what was `known`. */
export const save = (db: Db, driver: string, id: string, caller: Caller) =>
  inTransaction(db, (tx) => bind(tx, { driver: driverOf(driver), deptransId: idOf(id), ...caller }, bindOptions));

/** Both at once. */
export const bindNow = async (db: Db, driver: string, id: string) => save(db, driver, id, await known(db, driver, id));
