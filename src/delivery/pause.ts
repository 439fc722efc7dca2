import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Db } from '../store/database.ts';
import { readPause } from '../store/delivery-pause.ts';

/** Whether an operator has paused delivery. Read from the database each time, and told in the log and a gauge: a forgotten pause must be seen. */
export type Pause = { isOn(): Promise<boolean> };

export function openPause(db: Db, metrics: Metrics, log: Log): Pause {
  const paused = metrics.gauge('delivery_paused', '1 while an operator has paused delivery');
  let on = false;
  return {
    async isOn() {
      const before = on;
      on = (await readPause(db)) !== null;
      paused.set(on ? 1 : 0);
      if (on !== before) log.warn({ paused: on }, on ? 'delivery paused' : 'delivery resumed');
      return on;
    },
  };
}
