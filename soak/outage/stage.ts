import type { Delivery } from '../../src/delivery/delivery.ts';
import type { Regulator } from '../../src/regulator/regulator.ts';
import { addPeople } from '../people.ts';
import { openVirtualTime, type VirtualTime } from '../virtual-time.ts';
import { inside, openWorld, type World } from '../world.ts';
import type { Told } from './crowd.ts';

/** No sleeper wakes later than so much after the time asked for. */
export const gridMs = 20;

/** Instances of delivery before one regulator, in a virtual time of their own. */
export type OutageStage = AsyncDisposable & {
  readonly world: World;
  readonly time: VirtualTime;
  readonly instances: readonly Delivery[];
  /** When a call was attempted, whether or not it reached anybody. */
  readonly attempts: readonly number[];
};

export async function openOutageStage(
  { people, instances: count, rate }: { people: number; instances: number; rate: number },
  databaseUrl: string,
): Promise<OutageStage> {
  await using stack = new AsyncDisposableStack();
  const attempts: number[] = [];
  let world: World | undefined;
  const time = openVirtualTime({ gridMs, onMove: () => world?.tellTime() ?? Promise.resolve() });
  stack.defer(() => time[Symbol.dispose]());
  world = stack.use(
    await openWorld({
      databaseUrl,
      clock: time.clock,
      limits: { maxRate: rate, startRate: rate, batch: 500, maxInFlight: 500, settleLingerMs: 0 },
      regulator: { maxCalls: 2 * people },
      between: (regulator) => watched(regulator, time, attempts),
    }),
  );
  const { delivery, addDelivery } = world;
  const instances = [delivery, ...Array.from({ length: count - 1 }, (_, i) => addDelivery(`delivery/${i + 1}`))];
  stack.defer(() => time[Symbol.dispose]()); // first of all: nobody sleeps any more
  await settle(world, people);
  const opened = stack.move();
  return { world, time, instances, attempts, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Calls under way keep time from moving, and each attempt is noted, whether or not it reaches anybody. */
function watched(regulator: Regulator, time: VirtualTime, attempts: number[]): Regulator {
  const note = <T>(work: () => Promise<T>) => {
    attempts.push(time.clock.now());
    return time.during(work);
  };
  return {
    name: regulator.name,
    capabilities: regulator.capabilities,
    checkId: (...given) => note(() => regulator.checkId(...given)),
    report: (...given) => note(() => regulator.report(...given)),
    reportBatch: (...given) => note(() => regulator.reportBatch(...given)),
    session: (...given) => note(() => regulator.session(...given)),
  };
}

const profileOf = (no: number) => ({ parkId: `park-${no % 1_000}`, driverId: String(no) });

async function settle({ db, places, regulator }: World, people: number): Promise<void> {
  const numbers = Array.from({ length: people }, (_, i) => i + 1);
  for (const no of numbers) {
    const { parkId, driverId } = profileOf(no);
    regulator.registry.put(String(no), `licence ${no}`);
    places.set(`${parkId}/${driverId}`, inside);
  }
  for (let from = 0; from < people; from += 50_000) {
    const page = numbers.slice(from, from + 50_000);
    await addPeople(
      db,
      page.map((no) => ({
        token: `person-${no}`,
        deptransId: String(no),
        profiles: [profileOf(no)],
        categories: ['econom'],
      })),
    );
  }
}

/** Tells the service of all events up to a moment. The topic begins at `offset`. */
export function openTeller({ intake }: World, offset: number, events: readonly Told[]) {
  let next = 0;
  return async (untilMs: number) => {
    const from = next;
    while (next < events.length && events[next]!.atMs <= untilMs) next += 1;
    const messages = events.slice(from, next).map(({ no, status, atMs }, i) => {
      const { parkId, driverId } = profileOf(no);
      const text = { park_id: parkId, driver_id: driverId, status, event_at: new Date(atMs).toISOString() };
      return { offset: offset + from + i, value: Buffer.from(JSON.stringify(text)) };
    });
    if (messages.length === 0) return;
    const place = { topic: 'soak', partition: 0, generation: 1, topicId: 'one' };
    await intake.takeBatch({ ...place, from: offset + from, next: offset + next, messages });
  };
}
