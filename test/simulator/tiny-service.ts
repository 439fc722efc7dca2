import { createServer, type Server } from 'node:http';
import type { Message, Sink } from '../../simulator/city/outbox.ts';
import { profileKey } from '../../simulator/neighbours/neighbour-data.ts';
import type { Neighbours } from '../../simulator/neighbours/neighbours.ts';
import { canonicalId, type Registry } from '../../simulator/regulator/registry.ts';

/** Ways to be wrong, each a rule of the trade left out. */
export type Mistake = 'perProfile' | 'noRegion' | 'noTariffs' | 'noSweep' | 'noRebind';

/** The smallest service that obeys the rules of the trade, in memory and at once, but for its mistake. For tests of the judge. */
export type TinyService = AsyncDisposable & {
  readonly url: string;
  readonly sink: Sink;
  readonly seen: { events: number; unreadable: number };
  /** Looks at everything again. */
  sweep(): void;
};

const listed = ['econom', 'business', 'comfortplus'];

export async function openTinyService(
  neighbours: Neighbours,
  registry: Registry,
  mistake?: Mistake,
): Promise<TinyService> {
  const statuses = new Map<string, { connected: boolean; atMs: number }>();
  const owners = new Map<string, string>();
  const boundMs = new Map<string, number>();
  const believed = new Map<string, boolean>();
  const seen = { events: 0, unreadable: 0 };
  const { data } = neighbours;
  const profiles = () => data.profiles.after(0, Number.POSITIVE_INFINITY)?.rows ?? [];
  const personOf = (key: string) => {
    const row = data.profiles.get(key);
    return row?.deleted ? null : (row?.driver_license_pd_id ?? null);
  };
  const counts = (key: string) => {
    const tariffs = data.categories.get(key)?.categories ?? [];
    const position = data.positions.get(key);
    const id = [...owners].find(([, pdId]) => pdId === personOf(key))?.[0];
    const inside = position ? position.lon > 35 : (believed.get(id ?? '') ?? false);
    const isListed = mistake === 'noTariffs' || tariffs.some((tariff) => listed.includes(tariff));
    return (statuses.get(key)?.connected ?? false) && isListed && (mistake === 'noRegion' || inside);
  };
  const look = (id: string, keys: readonly string[]) => {
    const connected = keys.some(counts);
    if ((believed.get(id) ?? false) === connected) return;
    const nowMs = Date.now();
    registry.report(id, { connected, occurredAtMs: nowMs }, nowMs);
    believed.set(id, connected);
  };
  const sweep = () => {
    const keysOf = new Map<string, string[]>();
    for (const row of profiles()) {
      const key = `${row.park_id}/${row.driver_id}`;
      const person = personOf(key);
      if (person !== null) keysOf.set(person, [...(keysOf.get(person) ?? []), key]);
    }
    for (const [id, person] of owners) look(id, keysOf.get(person) ?? []);
  };
  const take = (message: Message) => {
    if (message.kind === 'unreadable') {
      seen.unreadable += 1;
      return;
    }
    seen.events += 1;
    const key = profileKey(message.profile);
    const known = statuses.get(key);
    if (known && known.atMs >= message.atMs) return;
    statuses.set(key, { connected: message.status !== 'offline', atMs: message.atMs });
    const id = [...owners].find(([, pdId]) => pdId === personOf(key))?.[0];
    if (mistake === 'perProfile' && id !== undefined) look(id, [key]);
  };
  const bind = (key: string, written: string) => {
    const person = personOf(key);
    const id = canonicalId(written);
    if (person === null || !registry.check(id, data.licences.get(person) ?? '').valid) return false;
    if (mistake === 'noRebind' && owners.has(id)) return true;
    owners.set(id, person);
    boundMs.set(person, Date.now());
    return true;
  };
  const server = createServer(async (request, response) => {
    const key = `${request.headers['x-yataxi-park-id']}/${request.headers['x-yataxi-driver-profile-id']}`;
    const parts = await Array.fromAsync(request as AsyncIterable<Buffer>);
    const body = parts.length > 0 ? (JSON.parse(Buffer.concat(parts).toString()) as { deptrans_id: string }) : null;
    if (body && !bind(key, body.deptrans_id)) response.writeHead(400).end('{}');
    else {
      const person = personOf(key) ?? '';
      const bound = [...owners.values()].includes(person);
      const updatedAtMs = boundMs.get(person) ?? 0;
      response.end(JSON.stringify({ id: { bound, updated_at: new Date(updatedAtMs).toISOString() } }));
    }
  });
  await listen(server);
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    seen,
    sweep,
    sink: {
      send(messages) {
        messages.forEach(take);
        if (mistake !== 'noSweep' && mistake !== 'perProfile') sweep();
        return Promise.resolve();
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}
