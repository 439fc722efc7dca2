import { sql } from 'kysely';
import type { Db } from './database.ts';

/**
 * Where the intake stands in a partition of a topic. The truth about it, also against the broker's own record: it changes in the same
 * transaction as what the events changed.
 */
export type Position = {
  /** Counts up when the topic is not the same any more: offsets of another topic of the same name mean nothing. */
  generation: number;
  /** The broker's id of the topic. */
  topicId: string;
  nextOffset: number;
};

/** The position of a partition, or null before its first message. */
export async function readPosition(db: Db, topic: string, partition: number): Promise<Position | null> {
  const row = await db
    .selectFrom('deptrans.topic_offsets')
    .select(['generation', 'topic_id', 'next_offset'])
    .where('topic', '=', topic)
    .where('partition', '=', partition)
    .executeTakeFirst();
  return row ? { generation: row.generation, topicId: row.topic_id, nextOffset: row.next_offset } : null;
}

/** Locks the position of a partition to the end of the transaction, making it if it is new (generation 0). With the database's time. */
export async function lockPosition(tx: Db, topic: string, partition: number): Promise<Position & { nowMs: number }> {
  const lock = () =>
    sql<Position & { nowMs: number }>`/* positions.lock */
      select generation, topic_id as "topicId", next_offset as "nextOffset",
             (extract(epoch from deptrans.now()) * 1000)::float8 as "nowMs"
        from deptrans.topic_offsets where topic = ${topic} and partition = ${partition} for update`.execute(tx);
  const found = await lock();
  if (found.rows[0]) return found.rows[0];
  await sql`/* positions.make */
    insert into deptrans.topic_offsets (topic, partition, generation, topic_id, next_offset)
    values (${topic}, ${partition}, 0, '', 0) on conflict do nothing`.execute(tx);
  return (await lock()).rows[0]!;
}

/** Moves a locked position and counts the messages taken. */
export async function movePosition(
  tx: Db,
  { topic, partition, position, taken }: { topic: string; partition: number; position: Position; taken: number },
): Promise<void> {
  await sql`/* positions.move */
    update deptrans.topic_offsets set generation = ${position.generation}, topic_id = ${position.topicId},
           next_offset = ${position.nextOffset}, taken = taken + ${taken}
     where topic = ${topic} and partition = ${partition}`.execute(tx);
}
