import { z } from 'zod';
import { isKey, isPrintable } from '../domain/key.ts';
import type { Http } from './http.ts';
import { type ReadUpdates, updatesReader } from './updates.ts';

/** A profile and the person behind it. `person` is null if there is no licence on record, or the profile is deleted. */
export type ProfileUpdate = { parkId: string; driverId: string; person: string | null; deleted: boolean };

/** driver-profiles: which profile belongs to which person. */
export type Profiles = { updates: ReadUpdates<ProfileUpdate> };

const maxPersonBytes = 128;

const row = z.object({
  park_id: z.string().refine(isKey),
  driver_id: z.string().refine(isKey),
  driver_license_pd_id: z
    .string()
    .refine((text) => text === '' || isPrintable(text, maxPersonBytes))
    .nullish(),
  deleted: z.boolean().nullish(),
});

export function openProfiles(http: Http): Profiles {
  return {
    updates: updatesReader(http, {
      call: 'profiles',
      path: '/v1/profiles/updates',
      field: 'profiles',
      parseRow(given) {
        const { success, data } = row.safeParse(given);
        if (!success) return null;
        const deleted = data.deleted ?? false;
        const person = deleted ? null : data.driver_license_pd_id || null;
        return { parkId: data.park_id, driverId: data.driver_id, person, deleted };
      },
    }),
  };
}
