import { awaySoak } from './away/away.ts';
import { balanceSoak } from './balance/balance.ts';
import { daysSoak } from './days/days.ts';
import { fuzzSoak } from './fuzz/fuzz.ts';
import { historiesSoak } from './histories/histories.ts';
import { hostileSoak } from './hostile/hostile.ts';
import { killsSoak } from './kills/kills.ts';
import { mutantsSoak } from './mutants/mutants.ts';
import { outageSoak } from './outage/outage.ts';
import { postgresSoak } from './postgres/postgres.ts';
import { previewSoak } from './preview/preview.ts';
import { protocolSoak } from './protocol/protocol.ts';
import type { Soak } from './soak.ts';
import { standbySoak } from './standby/standby.ts';
import { startUpSoak } from './start-up/start-up.ts';
import { stopSoak } from './stop/stop.ts';
import { supplySoak } from './supply/supply.ts';
import { topicSoak } from './topic/topic.ts';
import { verdictsSoak } from './verdicts/verdicts.ts';
import { writersSoak } from './writers/writers.ts';

/** All soaks that can be run. */
export const soaks: readonly Soak[] = [
  awaySoak,
  balanceSoak,
  daysSoak,
  fuzzSoak,
  hostileSoak,
  historiesSoak,
  killsSoak,
  mutantsSoak,
  outageSoak,
  postgresSoak,
  previewSoak,
  protocolSoak,
  standbySoak,
  stopSoak,
  startUpSoak,
  supplySoak,
  topicSoak,
  verdictsSoak,
  writersSoak,
];

/** The soak of that name. Throws a sentence that lists what there is. */
export function findSoak(name: string | undefined): Soak {
  const found = soaks.find((soak) => soak.name === name);
  if (found) return found;
  const list = soaks.map(({ name, shows, options }) => `  ${name} ${describe(options)}\n      ${shows}`).join('\n');
  throw new Error(`${name === undefined ? 'Name a soak.' : `There is no soak "${name}".`} There are:\n${list}`);
}

function describe(options: Readonly<Record<string, number>>): string {
  return Object.entries(options)
    .map(([option, value]) => `[--${option}=${value}]`)
    .join(' ');
}
