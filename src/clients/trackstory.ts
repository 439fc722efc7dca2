import { z } from 'zod';
import type { Point } from '../domain/region.ts';
import { CallFailed } from './call-failed.ts';
import type { Http } from './http.ts';

export type DriverPosition = { parkId: string; driverId: string; point: Point; recordedAt: Date };

/** driver-trackstory: where drivers are. */
export type Trackstory = {
  /** The last positions of profiles; who is missing has none. Any number of profiles: asked in pages of 1,000. Throws `CallFailed`. */
  positions(drivers: readonly { parkId: string; driverId: string }[], signal: AbortSignal): Promise<DriverPosition[]>;
};

const PAGE = 1_000;

const answer = z.object({ positions: z.array(z.unknown()).max(10 * PAGE) });
const position = z.object({
  park_id: z.string(),
  driver_id: z.string(),
  lon: z.number().min(-180).max(180),
  lat: z.number().min(-90).max(90),
  recorded_at: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
});

/** `unreadable`: no number, out of range, or a time without zone. `nowhere`: at 0,0, which devices say when they do not know. `stranger`: nobody asked. */
export type PositionOddity = 'unreadable' | 'nowhere' | 'stranger';

/** Positions that are odd are told and left out; the others count. */
export function openTrackstory(http: Http, told: (oddity: PositionOddity) => void = () => {}): Trackstory {
  const page = async (drivers: readonly { parkId: string; driverId: string }[], signal: AbortSignal) => {
    const asked = { drivers: drivers.map(({ parkId, driverId }) => ({ park_id: parkId, driver_id: driverId })) };
    const parsed = answer.safeParse(await http.postJson('trackstory', '/v1/positions/bulk', asked, signal));
    if (!parsed.success) throw new CallFailed('trackstory', { code: 'UNEXPECTED' });
    const known = new Set(asked.drivers.map((driver) => `${driver.park_id}/${driver.driver_id}`));
    return parsed.data.positions.flatMap((item): DriverPosition[] => {
      const read = position.safeParse(item);
      const oddity = read.success ? oddityOf(read.data, known) : 'unreadable';
      if (oddity) told(oddity);
      if (!read.success || oddity) return [];
      const { park_id: parkId, driver_id: driverId, lon, lat, recorded_at: recordedAt } = read.data;
      return [{ parkId, driverId, point: { lon, lat }, recordedAt }];
    });
  };
  return {
    async positions(drivers, signal) {
      const found: DriverPosition[] = [];
      for (let i = 0; i < drivers.length; i += PAGE) found.push(...(await page(drivers.slice(i, i + PAGE), signal)));
      return found;
    },
  };
}

function oddityOf({ park_id, driver_id, lon, lat }: z.infer<typeof position>, known: ReadonlySet<string>) {
  if (lon === 0 && lat === 0) return 'nowhere';
  return known.has(`${park_id}/${driver_id}`) ? null : 'stranger';
}
