import { dwellMs } from '../world.ts';
import type { Driver } from './driver.ts';

/** What holds for all drivers. */
export type Law = {
  /** When the region was last switched, and to what. */
  region: { on: boolean; atMs: number };
  /** A profile that has said nothing for so long counts as offline. */
  silenceMs: number;
};

/** The service may take the last event to be so much older than it is. */
const grainMs = 600_000;

export type Due = 'connected' | 'disconnected' | 'either';

/** What the regulator must know of a driver. Either while he has been outside for less than the dwell, or is about to count as silent. */
export function dueOf({ profiles, bound, inside, leftAtMs }: Driver, law: Law, nowMs: number): Due {
  const able = bound && law.region.on ? profiles.filter(({ status, listed }) => status !== 'offline' && listed) : [];
  const heard = able.filter(({ saidAtMs }) => saidAtMs + law.silenceMs >= nowMs);
  if (heard.length === 0) return 'disconnected';
  if (heard.every(({ saidAtMs }) => saidAtMs + law.silenceMs - grainMs < nowMs)) return 'either';
  if (inside) return 'connected';
  return nowMs < leftAtMs + dwellMs ? 'either' : 'disconnected';
}

/** When it came to be due, at the latest: by what the driver did, by the region, or because the dwell or the silence was over. */
export function dueSinceMs({ profiles, inside, leftAtMs, changedAtMs }: Driver, law: Law, nowMs: number): number {
  const times = [law.region.atMs];
  for (const { status, saidAtMs } of profiles) if (status !== 'offline') times.push(saidAtMs + law.silenceMs);
  if (!inside) times.push(leftAtMs + dwellMs);
  return Math.max(changedAtMs, ...times.filter((atMs) => atMs <= nowMs));
}
