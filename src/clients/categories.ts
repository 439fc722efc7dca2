import { z } from 'zod';
import { isKey, isPrintable } from '../domain/key.ts';
import type { Http } from './http.ts';
import { type ReadUpdates, updatesReader } from './updates.ts';

/** The tariffs that a profile works by, sorted, each once. Words that we do not know are kept: only regions say which ones count. */
export type CategoriesUpdate = { parkId: string; driverId: string; categories: string[] };

/** driver-categories-api: which profile works by which tariffs. */
export type Categories = { updates: ReadUpdates<CategoriesUpdate> };

const maxCategories = 200;
const maxCategoryBytes = 64;

const row = z.object({
  park_id: z.string().refine(isKey),
  driver_id: z.string().refine(isKey),
  categories: z.array(z.string().refine((text) => isPrintable(text, maxCategoryBytes))).max(maxCategories),
});

export function openCategories(http: Http): Categories {
  return {
    updates: updatesReader(http, {
      call: 'categories',
      path: '/v1/drivers/categories/updates',
      field: 'drivers',
      parseRow(given) {
        const { success, data } = row.safeParse(given);
        if (!success) return null;
        return { parkId: data.park_id, driverId: data.driver_id, categories: [...new Set(data.categories)].sort() };
      },
    }),
  };
}
