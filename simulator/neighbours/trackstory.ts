import { BadCall, isRecord, readJson } from '../http/exchange.ts';
import type { Handler } from '../http/serve.ts';
import { shareOf } from '../random.ts';
import type { NeighbourData, Position } from './neighbour-data.ts';
import { type Switches, switched } from './switches.ts';

const maxDrivers = 1_000;
const liveAgeMs = 10_000;

/**
 * driver-trackstory: `POST /v1/positions/bulk`. Profiles whose position is not known are left out of the answer.
 * Lies: `nothing` knows nobody, `stale` says two days ago, `future` an hour ahead, `range` a latitude beyond the pole, `outside` puts everyone at 0, 0, `strangers` adds a profile that was not asked for,
 * `repeats` gives each position twice, `wrongTypes` gives longitudes as words, `html`.
 */
export function openTrackstory(data: NeighbourData, switches: Switches, now: () => number): Handler {
  return switched(switches, async (call) => {
    if (call.path !== '/v1/positions/bulk' || call.method !== 'POST')
      throw new BadCall(404, 'NOT_FOUND', 'no such call');
    const body = await readJson(call);
    const drivers = isRecord(body) ? body['drivers'] : undefined;
    if (!Array.isArray(drivers) || drivers.length > maxDrivers)
      throw new BadCall(400, 'BAD_REQUEST', `drivers must be an array of at most ${maxDrivers}`);
    const positions = drivers.flatMap((driver: unknown) => {
      if (!isRecord(driver)) throw new BadCall(400, 'BAD_REQUEST', 'a driver is an object');
      const { park_id, driver_id } = driver;
      const known = data.positions.get(`${park_id}/${driver_id}`);
      return known ? [{ park_id, driver_id, ...place(known, `${park_id}/${driver_id}`, now()) }] : [];
    });
    return { positions: bend(positions, switches) };
  });
}

type PositionRow = { park_id: unknown; driver_id: unknown; lon: number; lat: number; recorded_at: string };

function place({ lon, lat, recordedAtMs }: Position, key: string, nowMs: number) {
  const atMs = recordedAtMs ?? nowMs - Math.floor(shareOf(key) * liveAgeMs);
  return { lon, lat, recorded_at: new Date(atMs).toISOString() };
}

function bend(rows: PositionRow[], { lie }: Switches): unknown[] {
  switch (lie) {
    case 'nothing':
      return [];
    case 'stale':
      return rows.map((row) => ({
        ...row,
        recorded_at: new Date(Date.parse(row.recorded_at) - 48 * 3_600_000).toISOString(),
      }));
    case 'future':
      return rows.map((row) => ({
        ...row,
        recorded_at: new Date(Date.parse(row.recorded_at) + 3_600_000).toISOString(),
      }));
    case 'range':
      return rows.map((row) => ({ ...row, lat: 91 + row.lat }));
    case 'outside':
      return rows.map((row) => ({ ...row, lon: 0, lat: 0 }));
    case 'strangers':
      return [...rows, { park_id: 'stranger', driver_id: 'stranger', lon: 37.6, lat: 55.75, recorded_at: 'now' }];
    case 'repeats':
      return rows.flatMap((row) => [row, row]);
    case 'wrongTypes':
      return rows.map((row) => ({ ...row, lon: 'east' }));
    default:
      return rows;
  }
}
