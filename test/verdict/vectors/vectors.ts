import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  compilePolicy,
  judge,
  type Policy,
  type Rule,
  shareOf,
  timesOf,
  type Verdict,
} from '../../../verdict/verdict.ts';
import { type Case, drawCases, writtenCases } from './cases.ts';

/**
 * The conformance vectors of the verdict, for implementations in other languages: `npm run vectors` writes them. A policy stands once and is named by its
 * place. Times in ms since 1970.
 */
export const VECTORS = join(import.meta.dirname, '../../../verdict/vectors.json');

export type Vectors = ReturnType<typeof vectorsOf>;

export function vectorsOf(cases: readonly Case[]) {
  const policies = [...new Set(cases.map(({ policy }) => JSON.stringify(policyJson(policy))))];
  return {
    shares: ['', 'ann', 'bob', 'Ёж', 'a', 'ab', 'abc', 'abcd', '0123456789abcdef0123456789abcdef'].map((person) => ({
      person,
      share: shareOf(person),
    })),
    policies: policies.map((text): ReturnType<typeof policyJson> => JSON.parse(text)),
    cases: cases.map(({ name, policy, facts, order, now, ageMs }) => ({
      name,
      policy: policies.indexOf(JSON.stringify(policyJson(policy))),
      facts: facts && {
        park_id: facts.parkId,
        person: facts.person,
        binding: facts.binding,
        binding_updated_at: facts.bindingUpdatedAt,
        session: facts.session,
        session_updated_at: facts.sessionUpdatedAt,
        session_ended_at: facts.sessionEndedAt,
        region: facts.region,
      },
      order: { region: order.region ?? '', categories: order.categories ?? [] },
      now,
      age_ms: ageMs,
      expect: expected({ policy, facts, order, now, ageMs }),
    })),
  };
}

/** The written cases, and 200 drawn ones: the same at each call. */
export function committedVectors(): Vectors {
  return vectorsOf([...writtenCases(), ...drawCases(200, seeded(1))]);
}

/** 0 ≤ x < 1, the same series for a seed (the "mulberry32" generator of Tommy Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function expected({ policy, facts, order, now, ageMs }: Omit<Case, 'name'>) {
  const { deptransId, session, isAllowed, region, version } = judge(facts, order, compilePolicy(policy), now, ageMs);
  const say = (verdict: Verdict) => {
    const { outcome, reason, mode, rule } = verdict;
    return { outcome, reason, mode, rule, ...timesOf(verdict, facts) };
  };
  return { allowed: isAllowed, region, version, deptrans_id: say(deptransId), session: say(session) };
}

function policyJson({ version, suspended, maxDataAgeMs, regions }: Policy) {
  return {
    version,
    suspended,
    max_data_age_ms: maxDataAgeMs,
    regions: regions.map(({ id, on, tariffs, steppedBack, endsSoonMs, rules }) => ({
      id,
      on,
      tariffs,
      stepped_back: steppedBack,
      ends_soon_ms: endsSoonMs,
      rules: rules.map(ruleJson),
    })),
  };
}

function ruleJson({ check, categories, mode, from, share, include, exclude, graceMs }: Rule) {
  return { check, categories, mode, from, share, include, exclude, grace_ms: graceMs };
}

/** One case a line, so that a change shows what it changes. */
export function textOf({ shares, policies, cases }: Vectors): string {
  const lines = (list: readonly unknown[]) => list.map((item) => `\n  ${JSON.stringify(item)}`).join(',');
  return `{"shares": [${lines(shares)}],\n"policies": [${lines(policies)}],\n"cases": [${lines(cases)}]}\n`;
}

if (import.meta.main) writeFileSync(VECTORS, textOf(committedVectors()));
