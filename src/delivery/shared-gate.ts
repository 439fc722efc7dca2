import type { Db } from '../store/database.ts';
import { closeGate, openGate, readGate, takeProbe } from '../store/gate.ts';
import { beginOutage, countProbe, endOutage } from '../store/outages.ts';
import { cutRate, takeSlots } from '../store/rate.ts';
import type { Gate } from './pace.ts';

export type GateLimits = {
  /** Between two probes of the whole cluster. */
  probeMs: number;
  /** Calls a second of the whole cluster: what the rate never exceeds, and where it begins. */
  maxRate: number;
  startRate: number;
  /** A Retry-After beyond this is cut to it. */
  maxRetryAfterMs: number;
};

/** The gate and the rate that all instances share through the database, with a record of every outage. */
export function openSharedGate(
  db: Db,
  regulator: string,
  { probeMs, maxRate, startRate, maxRetryAfterMs }: GateLimits,
): Gate {
  const first = Math.min(startRate, maxRate);
  return {
    async read() {
      const { shut, rate, backlogMs } = await readGate(db, regulator);
      return { shut, rate: Math.min(rate ?? first, maxRate), backlogMs };
    },
    takeSlots: (request) => takeSlots(db, regulator, { ...request, ceiling: maxRate, startRate: first }),
    cut: (cutNo, retryAfterMs) => cutRate(db, regulator, cutNo, Math.min(retryAfterMs, maxRetryAfterMs)),
    async open() {
      const opened = await openGate(db, regulator, probeMs);
      if (opened) await beginOutage(db, regulator);
      return opened;
    },
    async takeProbe() {
      const taken = await takeProbe(db, regulator, probeMs);
      if (taken) await countProbe(db, regulator);
      return taken;
    },
    async close() {
      await closeGate(db, regulator);
      await endOutage(db, regulator);
    },
  };
}
