import { BadCall, isRecord, readJson } from '../http/exchange.ts';
import type { Handler } from '../http/serve.ts';
import type { NeighbourData } from './neighbour-data.ts';
import { type Switches, switched } from './switches.ts';

const maxIds = 100;

/**
 * personal: `POST /v1/driver_licenses/bulk_retrieve`. Tokens nobody knows are left out of the answer.
 * Lies: `nothing` knows nobody, `strangers` adds a licence that was not asked for, `wrongTypes` gives numbers for texts, `html`.
 */
export function openPersonal({ licences }: NeighbourData, switches: Switches): Handler {
  return switched(switches, async (call) => {
    if (call.path !== '/v1/driver_licenses/bulk_retrieve' || call.method !== 'POST')
      throw new BadCall(404, 'NOT_FOUND', 'no such call');
    const body = await readJson(call);
    const ids = isRecord(body) ? body['ids'] : undefined;
    if (!Array.isArray(ids) || ids.length > maxIds || !ids.every((id) => typeof id === 'string'))
      throw new BadCall(400, 'BAD_REQUEST', `ids must be an array of at most ${maxIds} texts`);
    const items = ids.flatMap((id) => {
      const value = licences.get(id);
      return value === undefined || switches.lie === 'nothing' ? [] : [{ id, value }];
    });
    if (switches.lie === 'wrongTypes') return { items: items.map(({ id }) => ({ id, value: 42 })) };
    return { items: switches.lie === 'strangers' ? [{ id: 'stranger', value: '00 XX 000000' }, ...items] : items };
  });
}
