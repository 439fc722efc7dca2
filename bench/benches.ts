import { checkBench } from './check/check.ts';
import { consumerCheckBench } from './consumer/consumer-check.ts';
import { deliveryBench } from './delivery/delivery.ts';
import { deliveryQueuesBench } from './delivery/delivery-queues.ts';
import { scalingBench } from './delivery/scaling.ts';
import { coldStartBench } from './feed/cold-start.ts';
import { feedBench } from './feed/feed.ts';
import { latencyBench } from './feed/latency.ts';
import { pollingBench } from './feed/polling.ts';
import { snapshotBench } from './feed/snapshot.ts';
import { wholeBench } from './feed/whole.ts';
import type { Bench } from './frame.ts';
import { allGoals, type GoalId } from './goals.ts';
import { intakeBench } from './intake/intake.ts';
import { reachBench } from './reach/reach.ts';
import { sizesBench } from './sizes/sizes.ts';
import { previewBench } from './supply/preview.ts';
import { supplyBench } from './supply/supply.ts';
import { sustainedBench } from './sustained/sustained.ts';

/** All benchmarks that can be run. */
export const benches: readonly Bench[] = [
  intakeBench,
  deliveryBench,
  deliveryQueuesBench,
  scalingBench,
  feedBench,
  snapshotBench,
  wholeBench,
  latencyBench,
  coldStartBench,
  pollingBench,
  reachBench,
  consumerCheckBench,
  checkBench,
  sizesBench,
  previewBench,
  sustainedBench,
  supplyBench,
];

/** The benchmark of that name. Throws a sentence that lists what there is. */
export function findBench(name: string | undefined): Bench {
  const found = benches.find((bench) => bench.name === name);
  if (found) return found;
  const there = `There are: ${benches.map((bench) => bench.name).join(', ')}.`;
  if (name === undefined) throw new Error(`Name a benchmark. ${there}`);
  const promises = (Object.keys(allGoals) as GoalId[]).filter((id) => allGoals[id].bench === name);
  if (promises.length === 0) throw new Error(`There is no benchmark "${name}". ${there}`);
  throw new Error(`The benchmark "${name}" (${promises.join(', ')}) has goals and does not exist yet. ${there}`);
}
