import { sql } from 'kysely';
import type { Db } from './database.ts';

type TokenRow = { token: string | null; token_no: number; refused: boolean; age_ms: number; wait_ms: number };

/** The cluster's token of one regulator, kept in the database; what `regulator/token` asks of a store. */
export function openTokenStore(db: Db, regulator: string) {
  return {
    async read() {
      const { rows } = await sql<TokenRow>`/* tokens.read */
        select token, token_no, refused, coalesce(extract(epoch from deptrans.now() - obtained_at)::float8 * 1000, 0) as age_ms,
               greatest(0, extract(epoch from greatest(login_until, next_login_at) - deptrans.now()) * 1000)::float8 as wait_ms
          from deptrans.regulator_tokens where regulator = ${regulator}`.execute(db);
      const row = rows[0];
      return {
        token: row?.token ?? null,
        no: row?.token_no ?? 0,
        refused: row?.refused ?? false,
        ageMs: row?.age_ms ?? 0,
        loginAllowedInMs: row?.wait_ms ?? 0,
      };
    },
    async refuse(no: number) {
      await sql`/* tokens.refuse */
        update deptrans.regulator_tokens set refused = true where regulator = ${regulator} and token_no = ${no}`.execute(
        db,
      );
    },
    /** One instance at a time: true for the one that logs in now. A token that works is only replaced when it is older than `renewAfterMs`. */
    async takeLogin(leaseMs: number, renewAfterMs: number) {
      const { rows } = await sql`/* tokens.login */
        insert into deptrans.regulator_tokens as t (regulator, login_until)
        values (${regulator}, deptrans.now() + ${leaseMs} * interval '1 ms')
        on conflict (regulator) do update set login_until = excluded.login_until
          where (t.token is null or t.refused or t.obtained_at < deptrans.now() - ${renewAfterMs} * interval '1 ms')
            and coalesce(greatest(t.login_until, t.next_login_at), '-infinity') <= deptrans.now()
        returning 1`.execute(db);
      return rows.length === 1;
    },
    async save(token: string) {
      const { rows } = await sql<{ token_no: number }>`/* tokens.save */
        update deptrans.regulator_tokens
           set token = ${token}, token_no = token_no + 1, refused = false, login_until = null, next_login_at = null,
               obtained_at = deptrans.now()
         where regulator = ${regulator} returning token_no`.execute(db);
      return rows[0]!.token_no;
    },
    async postponeLogin(ms: number) {
      await sql`/* tokens.postpone */
        update deptrans.regulator_tokens set login_until = null, next_login_at = deptrans.now() + ${ms} * interval '1 ms'
         where regulator = ${regulator}`.execute(db);
    },
  };
}
