import { BadCall } from '../http/exchange.ts';
import { type FaultRule, faultKinds } from '../regulator/faults.ts';
import { kindSettings, type RegulatorSettings } from '../regulator/settings.ts';
import type { Route } from './control.ts';
import { availabilityFields, setAvailability } from './neighbour-routes.ts';
import { type FieldKind, readFields } from './read-body.ts';
import type { Sides } from './sides.ts';

const callKinds = ['authenticate', 'check', 'status', 'session', 'batch'];

const faultFields: Readonly<Record<keyof FaultRule, FieldKind>> = {
  kind: Object.keys(faultKinds),
  calls: 'texts',
  drivers: 'texts',
  connected: 'boolean',
  share: 'share',
  count: 'number',
  forMs: 'number',
  applies: 'boolean',
  ms: 'number',
  medianMs: 'number',
  p99Ms: 'number',
  status: 'number',
  retryAfter: 'text',
  code: 'text',
  word: 'text',
  body: 'text',
  contentType: 'text',
  bytes: 'number',
};

/** The regulator: its settings, its faults, its record, its drivers. */
export function regulatorRoutes({ regulator, now }: Sides): Route[] {
  const { settings, faults, calls, registry, tokens, availability } = regulator;
  const driver = (act: (id: string, body: Record<string, unknown>) => unknown, path: RegExp): Route => ({
    method: 'POST',
    path,
    act: ({ words, body }) => {
      if (!registry.find(words[0]!)) throw new BadCall(404, 'NOT_FOUND', 'the regulator does not know this id');
      return act(words[0]!, readFields(body, { forMs: 'number' }));
    },
  });
  return [
    { method: 'GET', path: /^\/regulator\/settings$/, act: () => settings },
    {
      method: 'PATCH',
      path: /^\/regulator\/settings$/,
      act: ({ body }) => Object.assign(settings, readSettings(body)),
    },
    { method: 'GET', path: /^\/regulator\/faults$/, act: () => ({ rules: faults.list(), fired: faults.fired }) },
    { method: 'POST', path: /^\/regulator\/faults$/, act: ({ body }) => ({ id: faults.add(readFault(body)) }) },
    { method: 'DELETE', path: /^\/regulator\/faults$/, act: () => faults.clear() },
    {
      method: 'DELETE',
      path: /^\/regulator\/faults\/(\d+)$/,
      act: ({ words }) => ({ removed: faults.remove(Number(words[0])) }),
    },
    {
      method: 'POST',
      path: /^\/regulator\/availability$/,
      act: ({ body }) => setAvailability(availability, readFields(body, availabilityFields)),
    },
    { method: 'POST', path: /^\/regulator\/expire-tokens$/, act: () => tokens.expireAll() },
    {
      method: 'GET',
      path: /^\/regulator\/stats$/,
      act: () => ({
        calls: calls.total,
        forgotten: calls.forgotten,
        overlapping: calls.overlapping,
        answers: calls.answers,
        logins: tokens.logins,
        fired: faults.fired,
      }),
    },
    {
      method: 'GET',
      path: /^\/regulator\/calls$/,
      act: ({ query }) => {
        const id = query.get('driver');
        const found = id === null ? calls.all() : calls.of(registry.find(id)?.id ?? id);
        return { calls: found.slice(-readLimit(query)) };
      },
    },
    driver(
      (id, { forMs }) => registry.block(id, now() + Number(forMs ?? 60_000)),
      /^\/regulator\/drivers\/(\d+)\/block$/,
    ),
    driver((id) => registry.forget(id), /^\/regulator\/drivers\/(\d+)\/forget$/),
    driver((id) => ({ ended: registry.endShift(id, now()) }), /^\/regulator\/drivers\/(\d+)\/end-shift$/),
  ];
}

function readFault(body: unknown): FaultRule {
  const rule = readFields(body, faultFields) as FaultRule;
  if (rule.kind === undefined) throw new BadCall(400, 'BAD_REQUEST', 'kind is missing');
  const unknown = rule.calls?.find((call) => !callKinds.includes(call));
  if (unknown !== undefined) throw new BadCall(400, 'BAD_REQUEST', `calls must be of ${callKinds.join(', ')}`);
  return rule;
}

/** Null stands for "no limit", which JSON has no number for. */
function readSettings(body: unknown): Partial<RegulatorSettings> {
  const fields = Object.fromEntries(
    Object.entries(kindSettings).map(([name, value]) => {
      if (name === 'repeats') return [name, ['already', 'harmless', 'secondShift']];
      if (typeof value === 'number') return [name, 'numberOrNull'];
      return [name, typeof value === 'boolean' ? 'boolean' : 'text'];
    }),
  ) as Record<string, FieldKind>;
  const given = Object.entries(readFields(body, fields));
  return Object.fromEntries(
    given.map(([name, value]) => [
      name,
      value === null && name !== 'rateLimitRetryAfterS' ? Number.POSITIVE_INFINITY : value,
    ]),
  );
}

function readLimit(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 100);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return limit;
  throw new BadCall(400, 'BAD_REQUEST', 'limit must be a whole number from 1 to 10000');
}
