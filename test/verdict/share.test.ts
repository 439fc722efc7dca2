import { expect, test } from 'vitest';
import { openRandom } from '../../simulator/random.ts';
import { compilePolicy, judge } from '../../verdict/verdict.ts';
import { factsOf, NOW, policyOf, regionOf, ruleOf } from './vectors/cases.ts';

const PEOPLE = 20_000;
const random = openRandom('who is in');
const tokens = Array.from({ length: PEOPLE }, () => random.next().toString(16).slice(2) + random.int(1_000));

/** Who is blocked where both checks block `share` people of 10,000, in a region, from a profile of a park. */
function blockedAt(share: number, region = 'moscow', parkId = 'park1'): { id: Set<string>; session: Set<string> } {
  const rules = [ruleOf({ check: 'deptrans_id', share }), ruleOf({ share })];
  const compiled = compilePolicy(policyOf([regionOf(rules, { id: region })]));
  const blocked = { id: new Set<string>(), session: new Set<string>() };
  for (const person of tokens) {
    const facts = factsOf({ person, parkId, binding: 'unbound', session: null, sessionEndedAt: null });
    const said = judge(facts, { region }, compiled, NOW, 0);
    if (said.deptransId.mode === 'block') blocked.id.add(person);
    if (said.session.mode === 'block') blocked.session.add(person);
  }
  return blocked;
}

test('a share takes so many people, and whoever is in stays in when it grows', () => {
  let before = new Set<string>();
  for (const share of [0, 1, 100, 1_000, 1_500, 5_000, 9_999, 10_000]) {
    const { id } = blockedAt(share);
    const expected = (PEOPLE * share) / 10_000;
    expect(Math.abs(id.size - expected)).toBeLessThanOrEqual(5 * Math.sqrt(PEOPLE / 4) * (share % 10_000 ? 1 : 0));
    expect([...before].filter((person) => !id.has(person))).toEqual([]);
    before = id;
  }
  expect(before.size).toBe(PEOPLE);
});

test('the same people are in for both checks, in every region, in whatever park they drive', () => {
  const { id, session } = blockedAt(1_000);
  expect(id.size).toBeGreaterThan(0);
  expect(session).toEqual(id);
  expect(blockedAt(1_000, 'kazan').id).toEqual(id);
  expect(blockedAt(1_000, 'moscow', 'another park').id).toEqual(id);
});
