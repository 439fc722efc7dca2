import { sql } from 'kysely';
import type { Direction } from '../domain/report.ts';
import { msOf, rowsOf } from './compact.ts';
import type { Db } from './database.ts';

export type Intent = {
  deptransId: string;
  /** For the journal, see `accountHash`. */
  account: string;
  person: string | null;
  token: number;
  direction: Direction;
  happenedAt: Date;
  region: string | null;
  /** How long the lease lasts from now: deadline + slack + quiet. */
  leaseMs: number;
};

/** An intent as written: what time to tell, and when it was written by the database's clock, in milliseconds since 1970. */
export type WrittenIntent = { occurredAt: Date; writtenAt: number };

const given = rowsOf<Intent>('g', {
  id: ['text', (intent) => intent.deptransId],
  token: ['bigint', (intent) => intent.token],
  target: ['boolean', (intent) => intent.direction === 'connected'],
  happened_at: ['float8', (intent) => intent.happenedAt.getTime()],
  lease_ms: ['float8', (intent) => intent.leaseMs],
  account: ['text', (intent) => intent.account],
  person: ['text', (intent) => intent.person],
  region: ['text', (intent) => intent.region],
});

/**
 * Writes down what is about to be sent, before it is sent. Returns for each intent what was written, or null if the lease was lost
 * or has ended: then nothing may be sent. One statement, its line in the journal included; it must be committed synchronously before the call.
 *
 * occurredAt grows with each intent of an account, whatever the events say, so that a regulator which orders by it never ignores a newer report.
 */
export async function writeIntents(tx: Db, intents: readonly Intent[]): Promise<(WrittenIntent | null)[]> {
  const { rows } = await sql<{ written: [token: number, occurredAt: number, writtenAt: number][] }>`/* intent */
    with given as (
      select r.deptrans_id, g.token, g.target, g.lease_ms, to_timestamp(g.happened_at / 1000) as happened_at, g.account, g.person, g.region
        from ${given(intents)}
        join deptrans.reports r on r.deptrans_id = g.id
       where r.lease_token = g.token and r.due_at > (select deptrans.now())
       order by r.deptrans_id for no key update of r),
    written as (
    update deptrans.reports r set target = given.target, last_target = given.target, last_sent_at = deptrans.now(), due_at = deptrans.now() + given.lease_ms * interval '1 ms',
        occurred_at = least(deptrans.now(), greatest(given.happened_at, r.last_occurred_at + interval '1 ms')),
        last_occurred_at = greatest(r.last_occurred_at,
          least(deptrans.now(), greatest(given.happened_at, r.last_occurred_at + interval '1 ms')))
      from given where r.deptrans_id = given.deptrans_id and r.lease_token = given.token
    returning r.lease_token, r.occurred_at, r.last_sent_at, given.account, given.person, r.target, given.region, given.happened_at),
    noted as (
      insert into deptrans.journal (at, kind, driver_license_pd_id, account, direction, region, lease_token, happened_at)
      select deptrans.now(), 'intent', person, decode(account, 'hex'), case when target then 'connected' else 'disconnected' end, region,
             lease_token, happened_at
        from written)
    select coalesce(json_agg(json_build_array(lease_token, ${sql.raw(msOf('occurred_at'))}, ${sql.raw(msOf('last_sent_at'))})), '[]') as written
      from written`.execute(tx);
  const written = new Map<number, WrittenIntent>();
  for (const [token, occurredAt, writtenAt] of rows[0]!.written) {
    written.set(token, { occurredAt: new Date(occurredAt), writtenAt });
  }
  return intents.map(({ token }) => written.get(token) ?? null);
}
