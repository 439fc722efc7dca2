import { setTimeout as pause } from 'node:timers/promises';
import { openTruth, type Truth } from '../judge/truth.ts';
import type { NeighbourData } from '../neighbours/neighbour-data.ts';
import { openRandom } from '../random.ts';
import type { Registry } from '../regulator/registry.ts';
import { type BinderCounts, openBinder } from './binder.ts';
import type { DriverApp } from './driver-app.ts';
import { openLife } from './life.ts';
import { openOutbox, type Produced, type Sink } from './outbox.ts';
import { isConnected, makePeople, type Person } from './people.ts';
import { openPlay } from './play.ts';
import { settle } from './world.ts';

/**
 * The city: its people exist from the first moment; `start` has most of them bind their ids, and then they live, at a rate of events.
 *
 * Guarantees: the same seed tells the same story; every event that is part of the truth reaches the sink at least once, whatever happens to
 * sink and service; after `freeze` nothing changes any more, but for bindings under way. Not guaranteed: the times of the steps, which are real.
 */
export type City = AsyncDisposable & {
  readonly truth: Truth;
  readonly people: readonly Person[];
  /** Resolves when half of the early ones have bound their ids and the drivers are on their way. */
  start(): Promise<void>;
  /**
   * Lost positions are found again; then nothing changes any more, but for bindings under way. Resolves when every event has been sent.
   */
  freeze(): Promise<void>;
  resume(): void;
  /** Events per second. */
  rate: number;
  state(): CityState;
  close(): Promise<void>;
};

export type CityState = {
  phase: 'waiting' | 'binding' | 'running' | 'frozen';
  people: number;
  /** People with a profile on line. */
  onLine: number;
  /** Events not sent yet, and bindings not answered. */
  unsent: number;
  bindingsUnderWay: number;
  produced: Produced;
  /** What became of them. `refused` and `wrongAccepted` are the service's mistakes. */
  bindings: BinderCounts | null;
  /** How often each kind of life has happened. */
  covered: Record<string, number>;
};

export type CityOptions = {
  people: number;
  rate: number;
  seed: number | string;
  data: NeighbourData;
  registry: Registry;
  sink: Sink;
  /** Null: nobody binds. */
  app: DriverApp | null;
  now?: () => number;
};

const bindingsAtOnce = 64;
const stragglers = 0.5;
const tickMs = 25;
const heldAtMostMs = 5_000;
const sendAgainMs = 250;

export function openCity(options: CityOptions): City {
  const { data, registry, sink, app, seed, now = Date.now } = options;
  const truth = openTruth();
  const people = makePeople(options.people, seed);
  const world = { data, registry, truth };
  for (const person of people) settle(world, person, Number.NEGATIVE_INFINITY);
  const closing = new AbortController();
  const outbox = openOutbox();
  const binder = app && openBinder(app, truth, now, closing.signal);
  const life = openLife(people, openRandom(`${seed}/life`));
  const play = openPlay({ world, outbox, binder, now });
  let phase: CityState['phase'] = 'waiting';
  let rate = options.rate;
  let living = Promise.resolve();
  let sending: Promise<void> | null = null;

  const send = () => {
    sending ??= sendAll(() => outbox.flush(sink, closing.signal), closing.signal).finally(() => {
      sending = null;
    });
    return sending;
  };
  const live = async () => {
    let beganMs = now();
    let owed = 0;
    let step = life.next();
    while (phase === 'running') {
      const nowMs = now();
      const added = Math.min(rate, ((nowMs - beganMs) / 1_000) * rate); // a stalled process owes a second's worth at most
      owed += added;
      const everyMs = (nowMs - beganMs) / Math.max(1, owed);
      for (let atMs = beganMs; owed >= 1 && play.perform(step, Math.floor(atMs)); atMs += everyMs, owed -= 1)
        step = life.next();
      beganMs = nowMs;
      outbox.release(nowMs - heldAtMostMs);
      void send();
      await pause(tickMs, undefined, { signal: closing.signal }).catch(() => undefined);
      if (closing.signal.aborted) return;
    }
  };
  const run = () => {
    phase = 'running';
    living = live();
  };
  return {
    truth,
    people,
    get rate() {
      return rate;
    },
    set rate(value) {
      rate = value;
    },
    async start() {
      phase = 'binding';
      if (binder)
        await bindMost(
          people.filter(({ binds }) => binds === 'early'),
          binder.bind,
        );
      if (phase === 'binding') run();
    },
    async freeze() {
      phase = 'frozen';
      binder?.freeze();
      await living;
      for (const person of people.filter(({ located }) => !located)) {
        person.located = true;
        play.perform({ kind: 'positionFound', person }, now());
      }
      outbox.release(Number.POSITIVE_INFINITY);
      await send();
      await send(); // what came while the first was under way
    },
    resume() {
      if (phase !== 'frozen' || closing.signal.aborted) return;
      binder?.resume();
      run();
    },
    state: () => ({
      phase,
      people: people.length,
      onLine: people.filter(isConnected).length,
      unsent: outbox.waiting,
      bindingsUnderWay: binder?.underWay ?? 0,
      produced: outbox.produced,
      bindings: binder?.counts ?? null,
      covered: { ...play.covered, ...twists(outbox.produced) },
    }),
    async close() {
      closing.abort();
      phase = 'frozen';
      await living;
      await sending;
      await sink[Symbol.asyncDispose]();
      await app?.[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

/** Resolves when half are bound: the others bind while the city lives, as people do. */
function bindMost(people: readonly Person[], bind: (person: Person) => Promise<void>): Promise<void> {
  const waiting = people.values();
  let left = people.length;
  return new Promise((resolve, reject) => {
    const bindOneByOne = async () => {
      for (const person of waiting) {
        await bind(person);
        left -= 1;
        if (left <= people.length * stragglers) resolve();
      }
    };
    if (left === 0) resolve();
    Promise.all(Array.from({ length: bindingsAtOnce }, bindOneByOne)).catch(reject);
  });
}

function twists({ unreadable, duplicates, reordered }: Produced): Record<string, number> {
  return { unreadableEvent: unreadable, duplicateEvent: duplicates, reorderedEvent: reordered };
}

/** Tries until it works or the city closes. */
async function sendAll(flush: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      return await flush();
    } catch {
      await pause(sendAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
