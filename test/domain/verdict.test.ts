import { expect, test } from 'vitest';
import { type CheckedRegion, type DriverFacts, judge, type Order } from '../../src/domain/verdict.ts';

const NOW = 1_000_000;
const regions = new Map<string, CheckedRegion>([
  ['moscow', { id: 'moscow', on: true, tariffs: ['econom', 'business'] }],
  ['tver', { id: 'tver', on: false, tariffs: ['econom'] }],
]);

const bound: DriverFacts['binding'] = { state: 'bound', updatedAt: 10 };
const online: DriverFacts['session'] = { status: 'online', updatedAt: 20, endedAt: NOW + 1, region: 'moscow' };
const good: DriverFacts = { person: true, binding: bound, session: online };

function order(region: string | null = null, categories: string[] = []): Order {
  return { region, listed: ({ tariffs }) => categories.length === 0 || categories.some((c) => tariffs.includes(c)) };
}

function say(facts: DriverFacts | null, asked = order(), fresh = true): string[] {
  return judge(facts, asked, regions, fresh, NOW).map(
    ({ check, outcome, reason, since, until, region }) =>
      `${check} ${outcome} ${reason ?? '-'} ${since ?? '-'} ${until ?? '-'} ${region || '-'}`,
  );
}

const both = (rest: string) => [`deptrans_id ${rest}`, `session ${rest}`];

test.each([
  ['all is well', say(good), ['deptrans_id pass - 10 - moscow', `session pass - 20 ${NOW + 1} moscow`]],
  ['the copy is too old', say(good, order(), false), both('unknown data_too_old - - -')],
  ['too old to know that nobody is there', say(null, order(), false), both('unknown data_too_old - - -')],
  ['nobody knows the profile', say(null), both('unknown profile_unknown - - -')],
  ['nobody knows it, and the region is off', say(null, order('tver')), both('unknown profile_unknown - - -')],
  ['the order is in a region that is off', say(good, order('tver')), both('pass not_required - - -')],
  ['the last region is off', say({ ...good, session: { ...online, region: 'tver' } }), both('pass not_required - - -')],
  [
    'the last region is gone',
    say({ ...good, session: { ...online, region: 'omsk' } }),
    both('pass not_required - - -'),
  ],
  ['never judged, no region asked', say({ ...good, session: null }), both('pass not_required - - -')],
  ['the tariff is not listed', say(good, order(null, ['vip'])), both('pass not_required - - moscow')],
  ['one of the tariffs is', say(good, order(null, ['vip', 'econom']))[0], 'deptrans_id pass - 10 - moscow'],
  [
    'a profile without a person',
    say({ person: false, binding: null, session: null }, order('moscow')),
    both('unknown person_unknown - - moscow'),
  ],
  [
    'the region of the order wins',
    say({ ...good, session: { ...online, region: 'tver' } }, order('moscow'))[1],
    `session pass - 20 ${NOW + 1} moscow`,
  ],
])('%s', (_name, said, expected) => expect(said).toEqual(expected));

test.each([
  [null, 'fail no_id - -'],
  [{ state: 'unbound', updatedAt: 11 }, 'fail no_id 11 -'],
  [{ state: 'rejected', updatedAt: 12 }, 'fail id_rejected 12 -'],
  [{ state: 'recheck', updatedAt: 13 }, 'unknown id_recheck 13 -'],
  [{ state: 'bound', updatedAt: 14 }, 'pass - 14 -'],
  [{ state: 'bound', updatedAt: null }, 'pass - - -'],
] as const)('the id of a binding %o', (binding, expected) => {
  expect(say({ ...good, binding }, order('moscow'))[0]).toBe(`deptrans_id ${expected} moscow`);
});

test('a shift that went with the old licence fails nothing while the id is checked again', () => {
  const binding = { state: 'recheck', updatedAt: 13 } as const;
  const ended = { ...online, status: 'finished' } as const;
  for (const session of [null, ended]) {
    const [id, shift] = say({ ...good, binding, session }, order('moscow'));
    expect(id).toBe('deptrans_id unknown id_recheck 13 - moscow');
    expect(shift).toBe(`session unknown id_recheck ${session ? '20' : '-'} - moscow`);
  }
  expect(say({ ...good, binding }, order('moscow'))[1]).toBe(`session pass - 20 ${NOW + 1} moscow`);
});

test.each([
  [null, 'fail no_session - -'],
  [{ status: 'online', endedAt: null }, 'pass - 20 -'],
  [{ status: 'online', endedAt: NOW + 5 }, `pass - 20 ${NOW + 5}`],
  [{ status: 'online', endedAt: NOW }, `fail session_ended ${NOW} -`],
  [{ status: 'online', endedAt: NOW - 5 }, `fail session_ended ${NOW - 5} -`],
  [{ status: 'issued', endedAt: null }, 'unknown session_state_unknown 20 -'],
  [{ status: 'issued', endedAt: NOW + 5 }, 'unknown session_state_unknown 20 -'],
  [{ status: 'issued', endedAt: NOW - 5 }, `fail session_ended ${NOW - 5} -`],
  [{ status: 'finished', endedAt: NOW + 5 }, 'fail session_ended 20 -'],
  [{ status: 'finalized', endedAt: null }, 'fail session_ended 20 -'],
  [{ status: 'canceled', endedAt: null }, 'fail session_ended 20 -'],
  [{ status: 'unrecognised', endedAt: null }, 'unknown session_state_unknown 20 -'],
] as const)('the shift %o', (session, expected) => {
  const facts = { ...good, session: session && { ...online, ...session } };
  expect(say(facts, order('moscow'))[1]).toBe(`session ${expected} moscow`);
});
