import { openRevisionLog, type RevisionLog } from './revision-log.ts';

/** What the four neighbours know. Change it at any time; they answer from it. */
export type NeighbourData = {
  readonly profiles: RevisionLog<ProfileRow>;
  readonly categories: RevisionLog<CategoriesRow>;
  readonly positions: ReadonlyMap<string, Position>;
  readonly licences: ReadonlyMap<string, string>;
  /** `pdId` null: the profile has no licence on record. */
  putProfile(profile: ProfileRef, pdId: string | null): void;
  deleteProfile(profile: ProfileRef): void;
  putCategories(profile: ProfileRef, categories: readonly string[]): void;
  /** Null: trackstory does not know where the profile is. */
  putPosition(profile: ProfileRef, position: Position | null): void;
  putLicence(pdId: string, licence: string): void;
};

export type ProfileRef = { readonly parkId: string; readonly driverId: string };

/** Without `recordedAtMs` the position is live: recorded 0 to 10 s before each question. */
export type Position = { readonly lon: number; readonly lat: number; readonly recordedAtMs?: number };

export type ProfileRow = { park_id: string; driver_id: string; driver_license_pd_id: string | null; deleted?: true };
export type CategoriesRow = { park_id: string; driver_id: string; categories: readonly string[] };

export function profileKey({ parkId, driverId }: ProfileRef): string {
  return `${parkId}/${driverId}`;
}

export function openNeighbourData(): NeighbourData {
  const profiles = openRevisionLog<ProfileRow>();
  const categories = openRevisionLog<CategoriesRow>();
  const positions = new Map<string, Position>();
  const licences = new Map<string, string>();
  const wire = (profile: ProfileRef) => ({ park_id: profile.parkId, driver_id: profile.driverId });
  return {
    profiles,
    categories,
    positions,
    licences,
    putProfile: (profile, pdId) => profiles.put(profileKey(profile), { ...wire(profile), driver_license_pd_id: pdId }),
    deleteProfile(profile) {
      const known = profiles.get(profileKey(profile));
      const pdId = known?.driver_license_pd_id ?? null;
      profiles.put(profileKey(profile), { ...wire(profile), driver_license_pd_id: pdId, deleted: true });
    },
    putCategories: (profile, names) =>
      categories.put(profileKey(profile), { ...wire(profile), categories: [...names] }),
    putPosition(profile, position) {
      if (position) positions.set(profileKey(profile), position);
      else positions.delete(profileKey(profile));
    },
    putLicence: (pdId, licence) => void licences.set(pdId, licence),
  };
}
