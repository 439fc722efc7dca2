import type {
  compilePolicy,
  Facts,
  judge,
  Policy,
  RegionPolicy,
  Rule,
  shareOf,
  timesOf,
} from '../../verdict/verdict.ts';
import type { Vectors } from './vectors/vectors.ts';

/** What a verdict is made by; a mutated one is another. */
export type Judge = {
  compilePolicy: typeof compilePolicy;
  judge: typeof judge;
  shareOf: typeof shareOf;
  timesOf: typeof timesOf;
};

type JsonCase = Vectors['cases'][number];
type JsonPolicy = Vectors['policies'][number];

/** The names of the cases that a judge decides otherwise than the vectors say. */
export function differing({ shares, policies, cases }: Vectors, by: Judge): string[] {
  const compiled = policies.map((policy) => by.compilePolicy(policyFrom(policy)));
  const wrongShares = shares.filter(({ person, share }) => by.shareOf(person) !== share);
  const wrong = cases.filter(({ policy, facts, order, now, age_ms, expect }) => {
    const known = factsFrom(facts, by);
    const judged = by.judge(known, order, compiled[policy]!, now, age_ms);
    const say = (verdict: typeof judged.session) => {
      const { outcome, reason, mode, rule } = verdict;
      return { outcome, reason, mode, rule, ...by.timesOf(verdict, known) };
    };
    const { deptransId, session, isAllowed: allowed, region, version } = judged;
    const said = { allowed, region, version, deptrans_id: say(deptransId), session: say(session) };
    return JSON.stringify(said) !== JSON.stringify(expect);
  });
  return [...wrongShares.map(({ person }) => `share of "${person}"`), ...wrong.map(({ name }) => name)];
}

function factsFrom(facts: JsonCase['facts'], { shareOf }: Judge): Facts | null {
  return (
    facts && {
      parkId: facts.park_id,
      hasPerson: facts.person !== '',
      person: facts.person,
      share: shareOf(facts.person),
      binding: facts.binding,
      bindingUpdatedAt: facts.binding_updated_at,
      session: facts.session,
      sessionUpdatedAt: facts.session_updated_at,
      sessionEndedAt: facts.session_ended_at,
      region: facts.region,
    }
  );
}

function policyFrom({ version, suspended, max_data_age_ms, regions }: JsonPolicy): Policy {
  return {
    version,
    suspended,
    maxDataAgeMs: max_data_age_ms,
    regions: regions.map(
      ({ id, on, tariffs, stepped_back, ends_soon_ms, rules }): RegionPolicy => ({
        id,
        on,
        tariffs,
        steppedBack: stepped_back,
        endsSoonMs: ends_soon_ms,
        rules: rules.map(({ grace_ms, ...rule }): Rule => ({ ...rule, graceMs: grace_ms })),
      }),
    ),
  };
}
