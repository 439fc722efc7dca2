import type { Availability, AvailabilityMode } from '../http/availability.ts';
import { BadCall } from '../http/exchange.ts';
import { type NeighbourName, neighbourNames } from '../neighbours/neighbours.ts';
import { lies } from '../neighbours/switches.ts';
import type { Route } from './control.ts';
import { type FieldKind, readFields } from './read-body.ts';
import type { Sides } from './sides.ts';

export const availabilityFields: Readonly<Record<string, FieldKind>> = {
  mode: ['up', 'unavailable', 'refused'],
  forMs: 'number',
};

/** The four neighbours: down, slow, lying, forgetful. */
export function neighbourRoutes({ neighbours: { switches, data } }: Sides): Route[] {
  const find = (name: string | undefined): NeighbourName => {
    const found = neighbourNames.find((one) => one === name);
    if (!found) throw new BadCall(404, 'NOT_FOUND', `a neighbour is one of ${neighbourNames.join(', ')}`);
    return found;
  };
  const show = (name: NeighbourName) => {
    const { availability, slowMs, lie, requests } = switches[name];
    return { mode: availability.mode, slowMs, lie, requests };
  };
  return [
    {
      method: 'GET',
      path: /^\/neighbours$/,
      act: () => Object.fromEntries(neighbourNames.map((name) => [name, show(name)])),
    },
    {
      method: 'PATCH',
      path: /^\/neighbours\/([a-z-]+)$/,
      act: async ({ words, body }) => {
        const name = find(words[0]);
        const fields = { ...availabilityFields, slowMs: 'number', lie: [...lies, 'none'] } as const;
        const { mode, forMs, slowMs, lie } = readFields(body, fields);
        if (mode !== undefined) await setAvailability(switches[name].availability, { mode, forMs });
        if (slowMs !== undefined) switches[name].slowMs = slowMs as number;
        if (lie !== undefined) switches[name].lie = lies.find((one) => one === lie) ?? null;
        return show(name);
      },
    },
    {
      method: 'POST',
      path: /^\/neighbours\/(driver-profiles|driver-categories)\/forget$/,
      act: ({ words }) => (words[0] === 'driver-profiles' ? data.profiles : data.categories).forget(),
    },
  ];
}

/** Puts the fields of a control call into effect. */
export function setAvailability(availability: Availability, fields: Record<string, unknown>): Promise<void> {
  if (fields['mode'] === undefined) throw new BadCall(400, 'BAD_REQUEST', 'mode is missing');
  return availability.set(fields['mode'] as AvailabilityMode, fields['forMs'] as number | undefined);
}
