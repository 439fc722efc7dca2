import type { ProfileLife, Truth } from './truth.ts';

/** A report the regulator let take effect. */
export type AppliedReport = { readonly connected: boolean; readonly atMs: number };

/**
 * How many of an id's reports, in the order they took effect, do not fit what happened.
 *
 * Reports fit if the life of each profile can be walked through, never back, so that at each report the state reached makes it right: for
 * CONNECTED some profile is connected and could count for the id, for DISCONNECTED none is. A walk never goes beyond the time of the report,
 * and steps over states the service never saw. Each profile has a pace of its own, since events of two profiles come by different ways.
 * Tariffs, place, licence and binding come by still other ways: any value they had since the state reached (and since the report before)
 * will do, or, but for the binding, up to `slackMs` before that. A report that does not fit is counted and then left out.
 */
export function countMisplaced(
  truth: Truth,
  deptransId: string,
  reports: readonly AppliedReport[],
  slackMs: number,
): { count: number; first: AppliedReport | null } {
  const profiles = truth.profilesOf(deptransId);
  let walks: Walk[] = [profiles.map(() => 0)];
  let count = 0;
  let first: AppliedReport | null = null;
  let sinceMs = Number.NEGATIVE_INFINITY;
  for (const report of reports) {
    const scene: Scene = { truth, deptransId, profiles, sinceMs, atMs: report.atMs, slackMs };
    const next = smallest(
      walks.flatMap((walk) => (report.connected ? walkToConnected(scene, walk) : walkToDisconnected(scene, walk))),
    );
    if (next.length > 0) {
      walks = next;
      sinceMs = report.atMs;
      continue;
    }
    count += 1;
    first ??= report;
  }
  return { count, first };
}

/** For each profile, the place in its life that has been reached. */
type Walk = readonly number[];

type Scene = {
  truth: Truth;
  deptransId: string;
  profiles: readonly ProfileLife[];
  sinceMs: number;
  atMs: number;
  slackMs: number;
};

function walkToConnected(scene: Scene, walk: Walk): Walk[] {
  return scene.profiles.flatMap((profile, which) => {
    const place = seek(profile, walk[which]!, true, scene.atMs);
    return place === null || !couldCount(scene, profile, place).yes ? [] : [walk.with(which, place)];
  });
}

function walkToDisconnected(scene: Scene, walk: Walk): Walk[] {
  const places = scene.profiles.map((profile, which) => {
    const place = walk[which]!;
    return couldCount(scene, profile, place).no ? place : seek(profile, place, false, scene.atMs);
  });
  return places.includes(null) ? [] : [places as number[]];
}

function couldCount({ truth, deptransId, sinceMs, atMs, slackMs }: Scene, profile: ProfileLife, place: number) {
  const fromMs = Math.max(sinceMs, profile.connected.entries[place]!.fromMs);
  return truth.couldCount(profile, deptransId, { fromMs, toMs: atMs, slackMs });
}

/** The first place from `from` on with that status, begun by `atMs`. */
function seek({ connected: { entries } }: ProfileLife, from: number, connected: boolean, atMs: number): number | null {
  for (let place = from; place < entries.length && entries[place]!.fromMs <= atMs; place += 1)
    if (entries[place]!.value === connected) return place;
  return null;
}

/** Without the walks that have come further than another in everything: they can do nothing the other cannot. */
function smallest(walks: readonly Walk[]): Walk[] {
  const kept: Walk[] = [];
  for (const walk of walks) {
    if (kept.some((other) => within(other, walk))) continue;
    kept.splice(0, kept.length, ...kept.filter((other) => !within(walk, other)), walk);
  }
  return kept;
}

function within(small: Walk, great: Walk): boolean {
  return small.every((place, which) => place <= great[which]!);
}
