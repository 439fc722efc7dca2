import { z } from 'zod';
import { Masked } from '../runtime/masked.ts';
import { CallFailed } from './call-failed.ts';
import type { Http } from './http.ts';

/** Service personal: what is behind the tokens of people. */
export type Personal = {
  /** Licence numbers by `driver_license_pd_id`, at most 100; who is missing is unknown there. Never stored, never logged. Throws `CallFailed`. */
  licenceNumbers(people: readonly string[], signal: AbortSignal): Promise<Map<string, Masked<'LicenceNumber'>>>;
};

const answer = z.object({ items: z.array(z.object({ id: z.string(), value: z.string().min(1).max(64) })).max(100) });

export function openPersonal(http: Http): Personal {
  return {
    async licenceNumbers(people, signal) {
      const body = { ids: [...people] };
      const parsed = answer.safeParse(
        await http.postJson('personal', '/v1/driver_licenses/bulk_retrieve', body, signal),
      );
      if (!parsed.success) throw new CallFailed('personal', { code: 'UNEXPECTED' });
      return new Map(parsed.data.items.map(({ id, value }) => [id, new Masked<'LicenceNumber'>(value)]));
    },
  };
}
