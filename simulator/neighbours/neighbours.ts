import { type Handler, type HttpServer, serve } from '../http/serve.ts';
import { type NeighbourData, openNeighbourData } from './neighbour-data.ts';
import { openPersonal } from './personal.ts';
import { openSwitches, type Switches } from './switches.ts';
import { openTrackstory } from './trackstory.ts';
import { openUpdates } from './updates.ts';

/**
 * driver-profiles, driver-categories-api, driver-trackstory and personal over one `data`, each with its own switches (down, slow, lying).
 *
 * Guarantees: a page of updates never misses a change made before it was asked for; the newest row of a profile is always given.
 * Not guaranteed: older rows of a profile (they are compacted), and anything after the data is changed behind the functions of `data`.
 */
export type Neighbours = {
  readonly data: NeighbourData;
  readonly switches: Record<NeighbourName, Switches>;
  readonly handlers: Record<NeighbourName, Handler>;
};

export const neighbourNames = ['driver-profiles', 'driver-categories', 'trackstory', 'personal'] as const;
export type NeighbourName = (typeof neighbourNames)[number];

export type NeighbourServers = Neighbours &
  AsyncDisposable & {
    readonly profilesUrl: string;
    readonly categoriesUrl: string;
    readonly trackstoryUrl: string;
    readonly personalUrl: string;
    close(): Promise<void>;
  };

/** Each neighbour on a free port of its own. */
export async function openNeighbours({ now = Date.now }: { now?: () => number } = {}): Promise<NeighbourServers> {
  const neighbours = makeNeighbours({ now });
  const open = (name: NeighbourName): Promise<HttpServer> =>
    serve(neighbours.handlers[name], { availability: neighbours.switches[name].availability });
  const servers = await Promise.all(neighbourNames.map(open));
  const [profiles, categories, trackstory, personal] = servers.map((server) => server.url);
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  return {
    ...neighbours,
    profilesUrl: profiles!,
    categoriesUrl: categories!,
    trackstoryUrl: trackstory!,
    personalUrl: personal!,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The neighbours without ports, to be mounted under prefixes. */
export function makeNeighbours({ now = Date.now }: { now?: () => number } = {}): Neighbours {
  const data = openNeighbourData();
  const switches = {
    'driver-profiles': openSwitches(),
    'driver-categories': openSwitches(),
    trackstory: openSwitches(),
    personal: openSwitches(),
  };
  return {
    data,
    switches,
    handlers: {
      'driver-profiles': openUpdates(data.profiles, {
        path: '/v1/profiles/updates',
        field: 'profiles',
        switches: switches['driver-profiles'],
      }),
      'driver-categories': openUpdates(data.categories, {
        path: '/v1/drivers/categories/updates',
        field: 'drivers',
        switches: switches['driver-categories'],
      }),
      trackstory: openTrackstory(data, switches.trackstory, now),
      personal: openPersonal(data, switches.personal),
    },
  };
}
