import type { Categories, CategoriesUpdate } from '../clients/categories.ts';
import { clearUnseenCategories, writeCategories } from '../store/mirror-categories.ts';
import type { StreamKind } from './stream.ts';

/** The copy of driver-categories-api: by which tariffs a profile works. The feed does not carry them, so nothing is published. */
export function categoriesStream({ updates }: Categories): StreamKind<CategoriesUpdate> {
  return {
    name: 'categories',
    updates,
    async write(tx, rows, mode) {
      await writeCategories(tx, rows, mode);
      return {};
    },
    async purge(tx, unseen) {
      const { next } = await clearUnseenCategories(tx, unseen);
      return { changed: {}, next };
    },
  };
}
