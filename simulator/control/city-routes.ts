import { BadCall } from '../http/exchange.ts';
import { dueLevel } from '../judge/level.ts';
import { compare } from './compare.ts';
import type { Route } from './control.ts';
import { readFields } from './read-body.ts';
import type { Sides } from './sides.ts';

/** The drivers, the truth and the judge. */
export function cityRoutes(sides: Sides): Route[] {
  const { city, rules } = sides;
  return [
    { method: 'GET', path: /^\/state$/, act: () => ({ ...city.state(), rate: city.rate }) },
    { method: 'POST', path: /^\/freeze$/, act: () => city.freeze() },
    { method: 'POST', path: /^\/resume$/, act: () => city.resume() },
    {
      method: 'PATCH',
      path: /^\/city$/,
      act: ({ body }) => void Object.assign(city, readFields(body, { rate: 'number' })),
    },
    { method: 'POST', path: /^\/region$/, act: ({ body }) => switchRegion(sides, body) },
    { method: 'GET', path: /^\/compare$/, act: () => compare(sides) },
    { method: 'GET', path: /^\/judge$/, act: () => rules },
    {
      method: 'PATCH',
      path: /^\/judge$/,
      act: ({ body }) =>
        Object.assign(rules, readFields(body, { dwellMs: 'number', slackMs: 'number', maxExamples: 'number' })),
    },
    { method: 'GET', path: /^\/truth\/(\d+)$/, act: ({ words }) => tell(sides, words[0]!) },
  ];
}

/** Tells the judge that somebody switched the region on or off: now, or when it was. */
function switchRegion({ city: { truth }, now }: Sides, body: unknown): void {
  const { on, atMs = now() } = readFields(body, { on: 'boolean', atMs: 'number' });
  if (on === undefined) throw new BadCall(400, 'BAD_REQUEST', 'on is missing');
  truth.region(on as boolean, atMs as number);
}

/** All that happened to one id, for people who look for the cause of a difference. */
function tell({ city: { truth }, regulator: { registry, calls }, rules, now }: Sides, deptransId: string) {
  const account = registry.find(deptransId);
  if (!account) throw new BadCall(404, 'NOT_FOUND', 'the regulator has never known this id');
  const profiles = truth.profilesOf(account.id).map(({ key, connected, listed, place, person }) => ({
    profile: key,
    leadsHere: person.value !== null && person.value === truth.holder(account.id),
    connected: connected.entries.map(readable),
    listed: listed.entries.map(readable),
    place: place.entries.map(readable),
    mappingChanges: person.entries.map(({ fromMs }) => time(fromMs)),
  }));
  return {
    should: dueLevel(truth, account, now(), rules),
    history: account.history.map(({ atMs, ...entry }) => ({ at: time(atMs), ...entry })),
    shift: registry.shift(account.id, now()),
    calls: calls.of(account.id),
    profiles,
  };
}

function readable({ fromMs, value }: { fromMs: number; value: unknown }) {
  return { from: time(fromMs), value };
}

function time(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'always';
}
