import type { Config } from '../../src/config.ts';
import type { OpenEventSource } from '../../src/intake/event-source.ts';
import { openIntake } from '../../src/intake/intake.ts';
import { kafkaSource } from '../../src/intake/kafka.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { readBalance } from '../../src/store/balance.ts';
import type { BenchDatabase } from '../database/bench-server.ts';
import type { Topic } from './produce-events.ts';

/**
 * Takes the whole topic into the database by the service's own intake, with its own limits, and returns when the last batch is stored and
 * the intake closed. Throws if an event is missing, refused or unaccounted for.
 */
export async function takeTopic(
  { db, metrics }: BenchDatabase,
  { brokers, topic, events }: Topic,
  { config, groupId, signal }: { config: Config; groupId: string; signal: AbortSignal },
): Promise<void> {
  const { intake: limits, delivery } = config.limits;
  const done = Promise.withResolvers<void>();
  const stop = () => done.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  const lifetime = openLifetime();
  const common = { clock: systemClock, log: openLog('silent'), metrics };
  const read = kafkaSource({ ...limits, ...common, brokers: [brokers], topic, groupId, clientId: 'bench', lifetime });
  let taken = 0;
  const source: OpenEventSource = (sink) =>
    read({
      ...sink,
      async take(batch) {
        const result = await sink.take(batch);
        if (result === 'taken') taken += batch.next - batch.from;
        if (taken >= events) done.resolve();
        return result;
      },
    });
  try {
    await using _ = openIntake({ db, source, pushSlot: 0, maxSilenceMs: delivery.maxSilenceMs, ...common });
    await done.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    lifetime.abort();
  }
}

/** Throws unless every event of the topic was counted once and none refused. */
export async function assertTaken({ db }: BenchDatabase, events: number): Promise<void> {
  const { taken, ended, difference } = await readBalance(db);
  const strange = ended.filter(({ outcome }) => outcome !== 'merged' && outcome !== 'no_change');
  if (taken !== events || difference !== 0 || strange.length > 0) {
    const outcomes = strange.map(({ outcome, n }) => `, ${n} ${outcome}`).join('');
    throw new Error(`Of ${events} events ${taken} were taken, ${difference} unaccounted for${outcomes}.`);
  }
}
