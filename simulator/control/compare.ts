import type { CityState } from '../city/city.ts';
import { judge, type Verdict } from '../judge/judge.ts';
import type { Regulator } from '../regulator/regulator.ts';
import type { Sides } from './sides.ts';

/** The judge's verdict beside what the city and the regulator have counted. */
export type Comparison = Verdict &
  Pick<CityState, 'people' | 'onLine' | 'unsent' | 'bindingsUnderWay' | 'produced' | 'bindings' | 'covered'> & {
    /** Open shifts at the regulator, as a share of all people. */
    connectedShare: number;
  };

/** Meant for a city at rest: while drivers move and reports are on their way, differences are no mistakes. */
export function compare({ city, regulator, rules, now }: Sides): Comparison {
  const verdict = judge(city.truth, regulator, now(), rules);
  const { people, onLine, unsent, bindingsUnderWay, produced, bindings, covered } = city.state();
  return {
    ...verdict,
    people,
    onLine,
    connectedShare: verdict.connected / people,
    unsent,
    bindingsUnderWay,
    produced,
    bindings,
    covered: { ...covered, ...endured(regulator) },
  };
}

/** What the regulator did to its callers. */
function endured({ faults, calls, tokens }: Regulator): Record<string, number> {
  return {
    ...faults.fired,
    lostAnswer: faults.fired.lostAnswer ?? 0,
    throttled: calls.answers['throttled'] ?? 0,
    tokenExpiry: calls.answers['tokenExpired'] ?? 0,
    logins: tokens.logins,
  };
}
