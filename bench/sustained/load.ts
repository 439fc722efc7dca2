import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { Db } from '../../src/store/database.ts';
import { type Mix, shift } from '../intake/mixes.ts';
import { openMessages } from '../intake/produce-events.ts';
import { turnDrivers } from './fill.ts';

/** A load that goes on at a rate until it is disposed. */
export type Load = AsyncDisposable & {
  /** What has been given so far. */
  given(): number;
};

const tickMs = 100;
/** Given at once, at most: whoever is late catches up in several goes, since a broker takes no message set beyond a megabyte. */
const mostAtOnce = 2_000;

/** Events of `profiles` drivers in turn, as they happen, `rate` a second. The topic is there. */
export async function produceSteadily(
  place: { brokers: string; topic: string },
  rate: number,
  profiles: number,
  mix: Mix = shift,
): Promise<Load> {
  const kafka = new Kafka({ brokers: [place.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const messageOf = openMessages({ profiles, mix });
  const load = steadily(rate, async (from, count) => {
    const messages = Array.from({ length: count }, (_, j) => messageOf(from + j, Date.now()));
    await producer.send({ topic: place.topic, acks: -1, messages });
  });
  return {
    given: load.given,
    async [Symbol.asyncDispose]() {
      await load[Symbol.asyncDispose]();
      await producer.disconnect();
    },
  };
}

/** Changes of connected of `drivers` drivers in turn, straight into the queue, `rate` a second. */
export function queueSteadily(db: Db, rate: number, drivers: number): Load {
  return steadily(rate, (from, count) => turnDrivers(db, from % drivers, Math.min(count, drivers - (from % drivers))));
}

/** Calls `give` every 100 ms with what is due since the last call. */
function steadily(rate: number, give: (from: number, count: number) => Promise<void>): Load {
  let given = 0;
  let isOver = false;
  const startedAt = performance.now();
  const work = async () => {
    while (!isOver) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
      const count = Math.min(due - given, mostAtOnce);
      if (count > 0) await give(given, count);
      given += count;
      if (given === due) await sleep(tickMs);
    }
  };
  const working = work();
  working.catch(() => undefined);
  return {
    given: () => given,
    async [Symbol.asyncDispose]() {
      isOver = true;
      await working;
    },
  };
}
