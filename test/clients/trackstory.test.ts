import { expect, test } from 'vitest';
import { openNeighbours } from '../../simulator/neighbours/neighbours.ts';
import { openHttp } from '../../src/clients/http.ts';
import { openTrackstory } from '../../src/clients/trackstory.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';

const never = new AbortController().signal;
const ann = { parkId: 'p', driverId: 'ann' };

test.each([
  [null, 1, {}],
  ['nothing', 0, {}],
  ['range', 0, { unreadable: 1 }],
  ['wrongTypes', 0, { unreadable: 1 }],
  ['outside', 0, { nowhere: 1 }],
  ['strangers', 1, { unreadable: 1 }],
  ['repeats', 2, {}],
  ['stale', 1, {}],
  ['future', 1, {}],
] as const)(
  'a trackstory whose lie is %s: what cannot be a position is left out and told',
  async (lie, found, told) => {
    const neighbours = await openNeighbours();
    const http = openHttp({
      baseUrl: neighbours.trackstoryUrl,
      deadlineMs: 60_000,
      timer: openMetrics(systemClock).timer('clients'),
    });
    try {
      neighbours.data.putPosition(ann, { lon: 37.6, lat: 55.75 });
      neighbours.switches.trackstory.lie = lie;
      const counted: Record<string, number> = {};
      const trackstory = openTrackstory(http, (what) => {
        counted[what] = (counted[what] ?? 0) + 1;
      });
      expect(await trackstory.positions([ann], never)).toHaveLength(found);
      expect(counted).toEqual(told);
    } finally {
      await http[Symbol.asyncDispose]();
      await neighbours.close();
    }
  },
);
