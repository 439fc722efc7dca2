import { afterEach, expect, test } from 'vitest';
import { type City, openCity } from '../../simulator/city/city.ts';
import { openDriverApp } from '../../simulator/city/driver-app.ts';
import { openLife, type Step, stepKinds } from '../../simulator/city/life.ts';
import { type Message, openOutbox } from '../../simulator/city/outbox.ts';
import { isConnected, makePeople } from '../../simulator/city/people.ts';
import { judge, plainRules } from '../../simulator/judge/judge.ts';
import { makeNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { openRandom } from '../../simulator/random.ts';
import { makeRegulator } from '../../simulator/regulator/regulator.ts';
import { until } from '../support/until.ts';
import { type Mistake, openTinyService } from './tiny-service.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

async function liveWith(mistake?: Mistake) {
  const regulator = makeRegulator();
  const neighbours = makeNeighbours();
  const service = await openTinyService(neighbours, regulator.registry, mistake);
  const city: City = openCity({
    people: 120,
    rate: 3_000,
    seed: 'city test',
    data: neighbours.data,
    registry: regulator.registry,
    sink: service.sink,
    app: openDriverApp(service.url, null),
  });
  opened.push(service, city);
  await city.start();
  return {
    city,
    service,
    /** What the judge says once at least so many messages have been sent and everything has come to rest. */
    async verdictAfter(messages: number) {
      city.resume();
      await until(() => city.state().produced.messages > messages, 'the story has been told');
      await city.freeze();
      await until(() => city.state().bindingsUnderWay === 0, 'all who bind have their answer');
      if (mistake !== 'noSweep' && mistake !== 'perProfile') service.sweep();
      return judge(city.truth, regulator, Date.now(), { ...plainRules, dwellMs: 0 });
    },
  };
}

test('a service that obeys the rules is found right', async () => {
  const { city, service, verdictAfter } = await liveWith();
  let verdict = await verdictAfter(4_000);
  // A process that is held up tells its story in few long steps, which take few reports: the story goes on until there are enough.
  while (verdict.reports <= 300) verdict = await verdictAfter(city.state().produced.messages + 1_000);
  expect(verdict).toMatchObject({ differ: 0, outOfOrder: 0, duplicates: 0, secondShifts: 0, examples: [] });
  const { produced, covered, bindings, people, onLine, unsent } = city.state();
  const either = Object.values(verdict.either).reduce((sum, count) => sum + count, 0);
  expect(verdict.connected).toBeGreaterThanOrEqual(verdict.trulyConnected);
  expect(verdict.connected).toBeLessThanOrEqual(verdict.trulyConnected + either);
  expect(verdict.connected).toBeGreaterThan(0.4 * people);
  expect(onLine).toBeGreaterThan(0.5 * people);
  expect(unsent).toBe(0);
  expect(service.seen.events + service.seen.unreadable).toBe(produced.messages);
  expect(service.seen.unreadable).toBe(produced.unreadable);
  expect(Object.entries(covered).filter(([, count]) => count === 0)).toEqual([]);
  expect(bindings).toMatchObject({ refused: 0, wrongAccepted: 0 });
});

test.each(['perProfile', 'noRegion', 'noTariffs', 'noSweep', 'noRebind'] as const)(
  'a mistake is found: %s',
  async (mistake) => {
    const { city, verdictAfter } = await liveWith(mistake);
    let verdict = await verdictAfter(4_000);
    // How far the story is when it halts is up to the machine, and a mistake need not show at every moment.
    while (verdict.differ === 0) verdict = await verdictAfter(city.state().produced.messages + 1_000);
    expect(verdict.differ).toBeGreaterThan(0);
  },
);

test('the same seed tells the same story, another seed another', () => {
  const tell = (seed: string) => {
    const life = openLife(makePeople(200, seed), openRandom(seed));
    return Array.from({ length: 20_000 }, () => describe(life.next()));
  };
  const story = tell('one');
  expect(tell('one')).toEqual(story);
  expect(tell('two')).not.toEqual(story);
  expect(new Set(story.map((step) => step.split(' ')[0]))).toEqual(new Set(stepKinds));
});

function describe(step: Step): string {
  const person = 'person' in step ? step.person.no : '';
  const profile = 'profile' in step ? step.profile.driverId : '';
  return [step.kind, person, profile, 'status' in step ? step.status : '', 'twist' in step ? step.twist : ''].join(' ');
}

test('in the long run about four in five are connected, and a third of the events are on or off', () => {
  const people = makePeople(500, 3);
  const life = openLife(people, openRandom(3));
  const steps = Array.from({ length: 20_000 }, () => life.next().kind);
  const share = people.filter(isConnected).length / people.length;
  expect(share).toBeGreaterThan(0.65);
  expect(share).toBeLessThan(0.95);
  const plain = steps.filter((kind) => ['cameOnLine', 'wentOffLine', 'busyFlip'].includes(kind));
  const flips = plain.filter((kind) => kind === 'busyFlip').length / plain.length;
  expect(flips).toBeGreaterThan(0.55);
  expect(flips).toBeLessThan(0.8);
});

test('the outbox keeps what could not be sent, and twists only what it is told to', async () => {
  const outbox = openOutbox();
  const event = (atMs: number, driverId = 'd') =>
    ({ kind: 'event', profile: { parkId: 'p', driverId }, status: 'online', atMs }) as const;
  outbox.put(event(1), null);
  outbox.put(event(2), 'duplicate');
  outbox.put(event(3), 'reorder');
  outbox.put(event(4), null);
  outbox.put(event(5, 'other'), 'reorder');
  const arrived: number[] = [];
  let broken = true;
  const sink = {
    send(messages: readonly Message[]) {
      if (broken) return Promise.reject(new Error('down'));
      arrived.push(...messages.map((message) => (message.kind === 'event' ? message.atMs : 0)));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { signal } = new AbortController();
  await expect(outbox.flush(sink, signal)).rejects.toThrow('down');
  broken = false;
  await outbox.flush(sink, signal);
  expect(arrived).toEqual([1, 2, 2, 4, 3]);
  expect(outbox.waiting).toBe(1);
  outbox.release(6);
  await outbox.flush(sink, signal);
  expect(arrived.at(-1)).toBe(5);
  expect(outbox.produced).toEqual({ messages: 6, unreadable: 0, duplicates: 1, reordered: 1 });
});
