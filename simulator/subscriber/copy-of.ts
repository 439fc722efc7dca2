import type { DriverRecord } from '../../consumer/driver-cache.ts';

type Row = Record<string, string | boolean | null>;

/** Every record of a copy, by feed, in the contract's names. */
export function copyOf(records: Iterable<DriverRecord>): { ids: Row[]; statuses: Row[] } {
  const ids: Row[] = [];
  const statuses: Row[] = [];
  for (const { parkId, driverId, id, session } of records) {
    const key = { park_id: parkId, driver_id: driverId };
    if (id) {
      const { person, bound, deptransId, updatedAtUs, seq } = id;
      ids.push({
        ...key,
        driver_license_pd_id: person,
        bound,
        deptrans_id: deptransId,
        updated_at: timeOf(updatedAtUs),
        seq: String(seq),
      });
    }
    if (session) {
      statuses.push({
        ...key,
        driver_license_pd_id: session.person,
        session_status: `SESSION_STATUS_${session.status.toUpperCase()}`,
        session_status_raw: session.raw,
        updated_at: timeOf(session.updatedAtUs),
        ended_at: timeOf(session.endedAtUs),
        end_is_estimate: session.endIsEstimate,
        region: session.region,
        seq: String(session.seq),
      });
    }
  }
  return { ids, statuses };
}

/** RFC 3339, to the microsecond. */
function timeOf(micros: number | null): string | null {
  if (micros === null) return null;
  const millis = Math.floor(micros / 1_000);
  return new Date(millis).toISOString().replace('Z', `${String(micros - millis * 1_000).padStart(3, '0')}Z`);
}
