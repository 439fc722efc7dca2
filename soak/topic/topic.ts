import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs';
import { sql } from 'kysely';
import { type Broker, startBroker } from '../../simulator/broker/kafka.ts';
import { makeTopic } from '../../simulator/broker/topic.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom } from '../../simulator/random.ts';
import { readBalance } from '../../src/store/balance.ts';
import type { Figures, Soak } from '../soak.ts';
import { until } from '../until.ts';
import { openWorld, type World } from '../world.ts';
import { type Mail, type Mailbag, openMailbag } from './mail.ts';
import { type Members, openMembers } from './members.ts';

const options = { events: 200_000, profiles: 5_000, rebalances: 90, seed: 1 };
const topic = 'soak';
const partitions = 8;

/**
 * G8: events in disorder, many of them several times, with poison between them; readers that join and leave all the time, and some that belong to
 * another group; old messages sent again; the broker restarted; the topic deleted and made again. Every profile must end at its newest event,
 * every message count once, and the quarantine hold exactly the poison.
 */
export async function troubleTopic(
  { events, profiles, rebalances, seed }: typeof options,
  databaseUrl: string,
  signal: AbortSignal,
): Promise<Figures> {
  await using world = await openWorld({ databaseUrl });
  await using kafka = await openOwnKafka();
  await using members = openMembers(world.db, kafka.brokers, topic);
  const random = openRandom(`${seed}/topic`);
  const mailbag = openMailbag(profiles, random.fork('mail'));
  let before = 0;
  const send = async (mail: readonly Mail[]) => {
    for (let i = 0; i < mail.length; i += 2_000) await kafka.send(mail.slice(i, i + 2_000));
  };
  const untilTaken = async () => {
    const written = before + (await kafka.countWritten());
    await until(async () => (await readTaken(world)) >= written, signal, 100);
    return written;
  };

  const quiet = new AbortController();
  members.join();
  const storm = members.storm(250, random.fork('storm'), AbortSignal.any([signal, quiet.signal]));
  const quarter = Math.ceil(events / 4);

  const old = mailbag.write(quarter);
  await send(old);
  members.join(true);
  await send(old.filter(({ refusal }) => refusal === null).slice(0, quarter / 10)); // old ones again
  await untilTaken();

  await send(mailbag.write(quarter));
  await kafka.restart();
  await send(mailbag.write(quarter));
  before = await untilTaken();

  await kafka.makeTopicAnew();
  await send(mailbag.write(events - 3 * quarter));
  const written = await untilTaken();
  await until(() => members.rebalances >= rebalances, signal);
  quiet.abort();
  await storm;
  return { written, rebalances: members.rebalances, ...(await judge(world, members, mailbag, written)) };
}

/** A producer whose broker restarts may write a message again, at another offset: what counts are the messages that are in the topic. */
async function judge({ db }: World, members: Members, { newest, poison }: Mailbag, written: number): Promise<Figures> {
  const { rows: states } = await sql<{ profile: string; status: string }>`
    select park_id || '/' || driver_id as profile, status from deptrans.driver_states`.execute(db);
  const wrong = states.filter(({ profile, status }) => newest.get(profile) !== status).length;
  const { rows } = await sql<{ n: number; places: number; payloads: number }>`
    select count(*)::int as n, count(distinct (partition, generation, source_offset))::int as places,
           count(distinct payload)::int as payloads from deptrans.quarantine where reason = 'UNREADABLE'`.execute(db);
  const { taken, difference } = await readBalance(db);
  const quarantined = rows[0]!;
  const alarmed = await members.quarantined();
  const isExact = quarantined.n === quarantined.places && quarantined.payloads === poison && alarmed >= quarantined.n;
  return {
    profiles: newest.size,
    wrong,
    poison,
    quarantined: quarantined.n,
    alarmed,
    takenTwice: taken - written,
    missing: difference,
    ok: wrong === 0 && states.length === newest.size && isExact && difference === 0 && taken === written,
  };
}

async function readTaken({ db }: World): Promise<number> {
  const { rows } = await sql<{
    n: number;
  }>`select coalesce(sum(taken), 0)::int as n from deptrans.topic_offsets`.execute(db);
  return rows[0]!.n;
}

/** A broker of our own with one topic, that can be restarted where it was. */
async function openOwnKafka() {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-soak-kafka-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  let broker: Broker = await startBroker({ dataFolder: folder });
  stack.defer(() => broker.stop());
  const { brokers } = broker;
  const port = Number(brokers.split(':')[1]);
  const kafka = new Kafka({
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, maxRetryTime: 1_000 },
  });
  const admin: Admin = kafka.admin();
  const producer: Producer = kafka.producer({ allowAutoTopicCreation: false });
  await admin.connect();
  stack.defer(() => admin.disconnect());
  await producer.connect();
  stack.defer(() => producer.disconnect());
  const make = () => makeTopic(admin, topic, partitions);
  await make();
  const owned = stack.move();
  return {
    brokers,
    send: async (messages: readonly Mail[]) =>
      void (await producer.send({ topic, acks: -1, messages: messages.map(({ key, value }) => ({ key, value })) })),
    /** Messages that are in the topic. */
    async countWritten() {
      const ends = await admin.fetchTopicOffsets(topic);
      return ends.reduce((sum, { high }) => sum + Number(high), 0);
    },
    async restart() {
      await broker.stop();
      broker = await startBroker({ dataFolder: folder, port });
    },
    async makeTopicAnew() {
      await admin.deleteTopics({ topics: [topic] });
      const never = new AbortController().signal;
      await until(async () => !(await admin.listTopics()).includes(topic), never);
      await until(
        () =>
          make().then(
            () => true,
            () => false,
          ),
        never,
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export const topicSoak: Soak<typeof options> = {
  name: 'topic',
  shows:
    'G8: copies, disorder, replays, poison, rebalances, a restarted broker, a re-created topic: the same state, the quarantine exact',
  options,
  deadlineMs: ({ events, rebalances }) => 240_000 + events + rebalances * 2_000,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    return await troubleTopic(size, server.url, signal);
  },
};
