import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../simulator/random.ts';
import { type Intake, openIntake } from '../../src/intake/intake.ts';
import { kafkaSource } from '../../src/intake/kafka.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';

/** Readers of a topic that come and go. */
export type Members = AsyncDisposable & {
  /** One joins the group, or, if `stranger`, reads the same topic as a group of its own: a zombie that nobody has told. */
  join(stranger?: boolean): void;
  leave(): Promise<void>;
  /** One joins or leaves every `everyMs` to twice that, until `signal`; each is a rebalance. */
  storm(everyMs: number, random: Random, signal: AbortSignal): Promise<void>;
  readonly rebalances: number;
  /** What the alarm metric of the quarantine has counted. */
  quarantined(): Promise<number>;
};

const most = 4;

export function openMembers(db: Db, broker: string, topic: string): Members {
  const members: Intake[] = [];
  const strangers: Intake[] = [];
  const metrics = openMetrics(systemClock);
  let rebalances = 0;
  const open = (groupId: string): Intake => {
    const common = { clock: systemClock, log: openLog('silent'), metrics };
    const source = kafkaSource({
      ...common,
      brokers: [broker],
      topic,
      groupId,
      clientId: groupId,
      partitionsAtOnce: 2,
      maxBatch: 500,
      fetchBytes: 8 * 1024 * 1024,
      partitionFetchBytes: 4 * 1024 * 1024,
      maxWaitMs: 50,
      sessionTimeoutMs: 3_000,
      verifyMs: 1_000,
      lifetime: openLifetime(),
    });
    return openIntake({ ...common, db, source, pushSlot: 0, maxSilenceMs: 86_400_000 });
  };
  const join = (stranger = false) => {
    if (stranger) strangers.push(open(`stranger-${strangers.length}-${topic}`));
    else members.push(open(topic));
    rebalances += stranger ? 0 : 1;
  };
  const leave = async () => {
    rebalances += 1;
    await members.shift()?.[Symbol.asyncDispose]();
  };
  return {
    join,
    leave,
    async storm(everyMs, random, signal) {
      while (!signal.aborted) {
        await pause(everyMs * (1 + random.next()), undefined, { signal }).catch(() => undefined);
        if (members.length > 1 && (members.length === most || random.chance(0.5))) await leave();
        else join();
      }
    },
    get rebalances() {
      return rebalances;
    },
    async quarantined() {
      const { values } = await metrics.counter('intake_events_total', '', ['source', 'outcome'] as const).get();
      return values.reduce((sum, { labels, value }) => sum + (labels.outcome === 'quarantined' ? value : 0), 0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...members, ...strangers].map((member) => member[Symbol.asyncDispose]()));
    },
  };
}
