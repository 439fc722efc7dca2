import { sql } from 'kysely';
import type { Db } from './database.ts';

/** A message that was not taken, as it came. A push has offset -1. */
export type QuarantinedMessage = { offset: number; reason: string; payload: Uint8Array };

/** How much of a message is kept. */
const keptBytes = 4 * 1024;

/** Keeps messages of one partition that could not be taken, for people to look at. Their contents are personal: they go nowhere else. */
export async function quarantine(
  tx: Db,
  place: { topic: string; partition: number; generation: number },
  messages: readonly QuarantinedMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  const payloads = messages.map(
    ({ payload: { buffer, byteOffset, byteLength } }) =>
      `\\x${Buffer.from(buffer, byteOffset, Math.min(byteLength, keptBytes)).toString('hex')}`,
  );
  await sql`/* quarantine.add */
    insert into deptrans.quarantine (topic, partition, generation, source_offset, reason, at, payload)
    select ${place.topic}, ${place.partition}, ${place.generation}, u.source_offset, u.reason, deptrans.now(), u.payload
      from unnest(${messages.map((m) => m.offset)}::bigint[], ${messages.map((m) => m.reason)}::text[],
                  ${payloads}::bytea[]) with ordinality u(source_offset, reason, payload, i)
     order by u.i`.execute(tx);
}
