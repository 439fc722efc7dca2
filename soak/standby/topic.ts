import type { Status } from '../balance/town.ts';
import type { World } from '../world.ts';

/** A topic of one partition, held here, which intake reads from where the database says, as it does with a broker's. */
export type Topic = {
  write(profile: { parkId: string; driverId: string }, status: Status): void;
  /** Gives intake what it has not taken. Returns from where it was taken. */
  read(): Promise<number>;
};

const name = 'standby';
const batchSize = 500;

export function openTopic({ db, intake, clock }: World): Topic {
  const messages: Uint8Array[] = [];
  let lastMs = 0;
  const position = async () => {
    const row = await db
      .selectFrom('deptrans.topic_offsets')
      .select('next_offset')
      .where('topic', '=', name)
      .executeTakeFirst();
    return row?.next_offset ?? 0;
  };
  return {
    write(profile, status) {
      lastMs = Math.max(lastMs + 1, clock.now());
      const event = { park_id: profile.parkId, driver_id: profile.driverId, status };
      messages.push(Buffer.from(JSON.stringify({ ...event, event_at: new Date(lastMs).toISOString() })));
    },
    async read() {
      const begin = await position();
      for (let from = begin; from < messages.length; from += batchSize) {
        const some = messages.slice(from, from + batchSize).map((value, i) => ({ offset: from + i, value }));
        const place = { topic: name, partition: 0, generation: 1, topicId: name, from, next: from + some.length };
        const { kind } = await intake.takeBatch({ ...place, messages: some });
        if (kind !== 'taken') throw new Error(`The batch from ${from} on was not taken.`);
      }
      return begin;
    },
  };
}
