import type { City } from '../city/city.ts';
import type { JudgeRules } from '../judge/judge.ts';
import type { Neighbours } from '../neighbours/neighbours.ts';
import type { Regulator } from '../regulator/regulator.ts';

/** The parts that the control API steers. */
export type Sides = { city: City; regulator: Regulator; neighbours: Neighbours; rules: JudgeRules; now: () => number };
