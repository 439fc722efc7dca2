import { startBroker } from '../../simulator/broker/kafka.ts';
import type { Db } from '../../src/store/database.ts';
import { type BenchDatabase, openBenchServer } from '../database/bench-server.ts';
import { makeTopicAt } from '../make-topic.ts';
import { startSurroundings } from './surroundings.ts';

/** What a service of which the whole way is measured stands between: a broker, a database, neighbours and a regulator. */
export type CityStage = AsyncDisposable & {
  /** For one turn: a fresh copy of the database, a topic of its own, and what the service has to be told of them. */
  turn(): Promise<CityTurn>;
};

export type CityTurn = AsyncDisposable & {
  database: BenchDatabase;
  place: { brokers: string; topic: string };
  service: { databaseUrl: string; brokers: string; cityUrl: string; env: Readonly<Record<string, string>> };
};

/** `fill` makes the database of which each turn has a copy. */
export async function openCityStage(name: string, fill: (db: Db) => Promise<void>): Promise<CityStage> {
  await using stack = new AsyncDisposableStack();
  const { brokers } = stack.use(await startBroker());
  const server = stack.use(await openBenchServer());
  const { url: cityUrl } = stack.use(await startSurroundings());
  await server.prepare(fill);
  let turns = 0;
  const owned = stack.move();
  return {
    async turn() {
      turns += 1;
      const topic = `${name}-${turns}`;
      await makeTopicAt({ brokers, topic });
      const database = await server.copy();
      const env = { DEPTRANS_INTAKE_TOPIC: topic, DEPTRANS_INTAKE_GROUP_ID: topic };
      return {
        database,
        place: { brokers, topic },
        service: { databaseUrl: database.url, brokers, cityUrl, env },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
