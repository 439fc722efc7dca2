import { expect, test } from 'vitest';
import type { SupplyPerson } from '../../src/store/supply-people.ts';
import { Census } from '../../src/supply/census.ts';
import { HOUR, MINUTE } from './world.ts';

const limits = { maxSilenceMs: HOUR, placeMs: 2 * MINUTE, reportMs: 0 };

const shift = { session: 'online', sessionUpdatedAt: 0, sessionEndedAt: 10 * HOUR, sessionRegion: 'moscow' };

function personSeenAt(seenAt: number): SupplyPerson {
  const profile = { no: 1, parkId: 'p', driverId: 'd', categories: ['econom'], seenAt, isPublished: true };
  return { no: 1, person: 'ann', binding: 'bound', bindingUpdatedAt: 0, ...shift, profiles: [profile] };
}

test('who seems to be silent when only its shift was read is read in whole, once', () => {
  const census = new Census(limits);
  census.take({ people: [1] }, { people: [personSeenAt(0)], alone: [] }, 0);
  // The hour ends between a look at what happens by itself and the reading of the shift.
  census.takeSessions([{ no: 1, ...shift, sessionUpdatedAt: HOUR + 1 }], HOUR + 1);
  expect(census.advance(HOUR + 1)).toEqual({ silent: [1], more: false });
  census.take({ people: [1] }, { people: [personSeenAt(HOUR)], alone: [] }, HOUR + 2);
  expect(census.advance(HOUR + 2)).toEqual({ silent: [], more: false });
});
