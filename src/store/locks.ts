import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * The mapping lock: whoever changes who is behind a profile or an id (mirror, binding) holds it to the end of the transaction, so that
 * two such changes never read each other's past. Taken after driver_states and before every table of mappings.
 */
export async function lockMapping(tx: Db): Promise<void> {
  await sql`/* mapping.lock */ select pg_advisory_xact_lock(7300)`.execute(tx);
}
