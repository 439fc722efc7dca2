import { sql } from 'kysely';
import { type MaintenanceLimits, openMaintenance } from '../../src/maintenance/maintenance.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { lead } from '../../src/store/leaders.ts';
import { openTestDatabase } from '../support/database.ts';

export const signal = new AbortController().signal;

const DAY_MS = 86_400_000;

/** Maintenance over a database of its own, whose rounds are run by hand. It is noon: no round runs over midnight. */
export async function openMaintenanceWorld(limits: Partial<MaintenanceLimits> = {}) {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  await database.advance(1.5 * DAY_MS - (Date.now() % DAY_MS));
  const lifetime = openLifetime();
  const metrics = openMetrics(systemClock);
  const hour = 3_600_000;
  // Somebody else leads, so the loops rest from the first round on: rounds are run by hand.
  await lead(database.db, 'maintenance', 'other', 365 * 24 * hour);
  const maintenance = stack.use(
    openMaintenance({
      db: database.db,
      instance: 'one',
      lifetime,
      clock: systemClock,
      log: openLog('silent'),
      metrics,
      limits: {
        periodMs: hour,
        journalDays: 30,
        quarantineDays: 30,
        auditDays: 30,
        feedLogMs: hour,
        accountDays: 30,
        licenceChangeDays: 30,
        driverAnswerDays: 2,
        tombstoneDays: 7,
        supplyMinuteDays: 7,
        supplyHourDays: 31,
        supplyChangesMs: 3 * hour,
        vacuumMs: hour,
        gaugeMs: hour,
        ...limits,
      },
    }),
  );
  const count = async (table: string) =>
    (await sql<{ n: number }>`select count(*)::int as n from ${sql.table(`deptrans.${table}`)}`.execute(database.db))
      .rows[0]!.n;
  return { ...database, maintenance, metrics, count, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
