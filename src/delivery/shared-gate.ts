import type { Db } from '../store/database.ts';
import { closeGate, isGateOpen, openGate, takeProbe } from '../store/gate.ts';
import { beginOutage, countProbe, endOutage } from '../store/outages.ts';
import type { Gate } from './pace.ts';

/** The gate that all instances share through the database, with a record of every outage. */
export function openSharedGate(db: Db, regulator: string, probeMs: number): Gate {
  return {
    isOpen: () => isGateOpen(db, regulator),
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
