import { once } from 'node:events';
import { createServer } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../simulator/broker/kafka.ts';
import { firstErrorLine, runTool } from '../../simulator/broker/run-tool.ts';
import { makeTopic } from '../../simulator/broker/topic.ts';

let broker: Broker;
beforeAll(async () => {
  broker = await startBroker();
});
afterAll(() => broker.stop());

// A producer may send a request again, so a message may come twice: only its first sight counts.
test('what is produced is consumed, in order per key', async () => {
  const kafka = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await makeTopic(admin, 'things', 8);
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({
    topic: 'things',
    messages: Array.from({ length: 200 }, (_, index) => ({ key: `key ${index % 5}`, value: `${index}` })),
  });
  const consumer = kafka.consumer({ groupId: 'test', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: 'things', fromBeginning: true });
  const seen = new Map<string, Set<number>>();
  await new Promise<void>((resolve, reject) => {
    const missing = new Set(Array.from({ length: 200 }, (_, index) => index));
    consumer
      .run({
        eachMessage: ({ message }) => {
          const key = String(message.key);
          seen.set(key, (seen.get(key) ?? new Set()).add(Number(message.value)));
          missing.delete(Number(message.value));
          if (missing.size === 0) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  expect(seen.size).toBe(5);
  for (const values of seen.values()) expect([...values]).toEqual([...values].toSorted((a, b) => a - b));
  await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
});

test('a port that is taken is one clear sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await expect(startBroker({ port })).rejects.toThrow(`Port ${port} is taken`);
  await new Promise((resolve) => taken.close(resolve));
});

test('a missing tool is one clear sentence', async () => {
  await expect(runTool('no-such-tool', [], 'Install it.')).rejects.toThrow(
    'The command "no-such-tool" cannot be started. Install it.',
  );
  const failing = 'console.error("starting"); console.error("ERROR no room"); console.error("bye"); process.exit(3)';
  await expect(runTool('node', ['-e', failing], '')).rejects.toThrow('node ended with 3: ERROR no room');
  expect(firstErrorLine('')).toBe('it said nothing');
});
