import { expect, test } from 'vitest';
import { judge, plainRules } from '../../simulator/judge/judge.ts';
import { openTruth, type Truth } from '../../simulator/judge/truth.ts';
import { openRandom, type Random } from '../../simulator/random.ts';
import { makeRegulator, type Regulator } from '../../simulator/regulator/regulator.ts';

const lagMs = 8_000;
const profiles = ['A/x', 'B/x', 'C/x'];
const endMs = 300_000;

type World = { truth: Truth; regulator: Regulator };

/** A person with three profiles who changes all that can change, at random. */
function live(random: Random): World {
  const truth = openTruth();
  const regulator = makeRegulator({ settings: { repeats: 'harmless' } });
  regulator.registry.put('1', 'licence');
  truth.binding('1', 'pd', Number.NEGATIVE_INFINITY);
  for (const profile of profiles) {
    truth.person(profile, 'pd', Number.NEGATIVE_INFINITY);
    truth.tariffs(profile, true, Number.NEGATIVE_INFINITY);
    truth.place(profile, 'inside', Number.NEGATIVE_INFINITY);
  }
  for (let atMs = 1_000; atMs < endMs - 60_000; atMs += 200 + random.int(6_000)) {
    const profile = random.pick(profiles);
    const dice = random.next();
    if (dice < 0.75) truth.status(profile, random.chance(0.5), atMs);
    else if (dice < 0.85) truth.tariffs(profile, random.chance(0.6), atMs);
    else if (dice < 0.95) truth.place(profile, random.chance(0.6) ? 'inside' : 'outside', atMs);
    else truth.person(profile, random.chance(0.6) ? 'pd' : 'somebody else', atMs);
  }
  return { truth, regulator };
}

/** A right service: looks now and then, sees each profile and each slow fact as it was a little while before, reports what has changed. */
function serve({ truth, regulator }: World, random: Random): void {
  let believed = false;
  const seenMs = new Map<string, number>();
  const look = (what: string, atMs: number, mayLagMs: number) => {
    const seen = Math.max(seenMs.get(what) ?? 0, atMs - random.int(mayLagMs));
    seenMs.set(what, seen);
    return seen;
  };
  for (let atMs = 1_500; atMs <= endMs; atMs += 300 + random.int(4_000)) {
    const settled = atMs > endMs - 20_000;
    const connected = truth.profilesOf('1').some((profile) => {
      const slowMs = (what: string) => (settled ? atMs : look(`${profile.key} ${what}`, atMs, lagMs));
      return (
        profile.connected.at(settled ? atMs : look(profile.key, atMs, 30_000)) &&
        profile.listed.at(slowMs('tariffs')) &&
        profile.place.at(slowMs('place')) === 'inside' &&
        truth.leads(profile, '1', slowMs('person'))
      );
    });
    if (connected === believed) continue;
    regulator.registry.report('1', { connected, occurredAtMs: atMs }, atMs);
    believed = connected;
  }
}

const rules = { ...plainRules, dwellMs: 0, slackMs: lagMs };

test('a right service is never blamed, whatever comes late', () => {
  for (let seed = 0; seed < 400; seed += 1) {
    const random = openRandom(`right ${seed}`);
    const world = live(random);
    serve(world, random);
    expect(judge(world.truth, world.regulator, endMs, rules), `seed ${seed}`).toMatchObject({
      differ: 0,
      outOfOrder: 0,
      duplicates: 0,
    });
  }
});

test('reports out of nowhere are found', () => {
  let found = 0;
  for (let seed = 0; seed < 200; seed += 1) {
    const world = live(openRandom(`wrong ${seed}`));
    let connected = false;
    for (let atMs = 500; atMs <= endMs; atMs += 500) {
      connected = !connected;
      world.regulator.registry.report('1', { connected, occurredAtMs: atMs }, atMs);
    }
    found += judge(world.truth, world.regulator, endMs, rules).outOfOrder > 0 ? 1 : 0;
  }
  expect(found).toBe(200);
});
