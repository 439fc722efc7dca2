import {
  BINDING_STATES,
  type Facts,
  MODES,
  NOBODY,
  type Order,
  type Policy,
  type RegionPolicy,
  type Rule,
  SESSION_STATUSES,
  shareOf,
} from '../../../verdict/verdict.ts';

/** The cases of the conformance vectors: every branch of the verdict, its borders, and combinations drawn with a fixed seed. */
export type Case = { name: string; policy: Policy; facts: Facts | null; order: Order; now: number; ageMs: number };

export const NOW = 1_800_000_000_000;
export const MINUTE = 60_000;
const MAX_AGE = MINUTE;

export function ruleOf(fields: Partial<Rule>): Rule {
  return {
    check: 'session',
    categories: [],
    mode: 'block',
    from: NOW - MINUTE,
    share: 10_000,
    include: NOBODY,
    exclude: NOBODY,
    graceMs: 0,
    ...fields,
  };
}

export const BLOCK_BOTH = [ruleOf({ check: 'deptrans_id' }), ruleOf({})];

export function regionOf(rules: readonly Rule[], fields: Partial<RegionPolicy> = {}): RegionPolicy {
  return {
    id: 'moscow',
    on: true,
    tariffs: ['econom', 'business'],
    steppedBack: false,
    endsSoonMs: 30 * MINUTE,
    rules,
    ...fields,
  };
}

export function policyOf(regions: readonly RegionPolicy[], fields: Partial<Policy> = {}): Policy {
  return { version: 7, suspended: false, maxDataAgeMs: MAX_AGE, regions, ...fields };
}

export function factsOf(fields: Partial<Facts> = {}): Facts {
  const facts = {
    parkId: 'park1',
    person: 'ann',
    binding: 'bound',
    bindingUpdatedAt: NOW - 60 * MINUTE,
    session: 'online',
    sessionUpdatedAt: NOW - 50 * MINUTE,
    sessionEndedAt: NOW + 60 * MINUTE,
    region: 'moscow',
    ...fields,
  } as const;
  const hasPerson = facts.person !== '';
  return { ...facts, hasPerson, share: hasPerson ? shareOf(facts.person) : 0 };
}

/** Who has no shift, and so fails one check. */
const idle = (fields: Partial<Facts> = {}) =>
  factsOf({ session: null, sessionUpdatedAt: null, sessionEndedAt: null, ...fields });

function caseOf(name: string, policy: Policy | readonly Rule[], facts: Facts | null, rest: Partial<Case> = {}): Case {
  const whole = 'regions' in policy ? policy : policyOf([regionOf(policy)]);
  return { name, policy: whole, facts, order: {}, now: NOW, ageMs: 0, ...rest };
}

/** Every binding with every shift at every phase and border of its end. */
function facts(): Case[] {
  const ends = [null, NOW - 1, NOW, NOW + 1, NOW + 30 * MINUTE, NOW + 30 * MINUTE + 1];
  return BINDING_STATES.flatMap((binding) =>
    SESSION_STATUSES.flatMap((session) =>
      (session === null ? [null] : ends).map((sessionEndedAt) => {
        const sessionUpdatedAt = session === null ? null : NOW - MINUTE;
        const name = `${binding}, ${session ?? 'no shift'}, ends ${sessionEndedAt === null ? 'unsaid' : sessionEndedAt - NOW}`;
        return caseOf(name, BLOCK_BOTH, factsOf({ binding, session, sessionUpdatedAt, sessionEndedAt }));
      }),
    ),
  );
}

function modes(): Case[] {
  return MODES.flatMap((mode) =>
    [false, true].flatMap((steppedBack) => {
      const rules = [ruleOf({ check: 'deptrans_id', mode }), ruleOf({ mode })];
      const policy = policyOf([regionOf(rules, { steppedBack })]);
      const at = `${mode}${steppedBack ? ', stepped back' : ''}`;
      return [
        caseOf(`${at}: no shift`, policy, idle()),
        caseOf(`${at}: no id`, policy, factsOf({ binding: 'unbound', bindingUpdatedAt: null })),
        caseOf(`${at}: all is well`, policy, factsOf()),
        caseOf(`${at}: nobody on record`, policy, factsOf({ person: '' })),
      ];
    }),
  );
}

function outsideTheRules(): Case[] {
  const off = policyOf([regionOf(BLOCK_BOTH, { on: false }), regionOf(BLOCK_BOTH, { id: 'tver' })]);
  return [
    caseOf('suspended', policyOf([regionOf(BLOCK_BOTH)], { suspended: true }), idle()),
    caseOf('suspended, and too old', policyOf([], { suspended: true }), null, { ageMs: MAX_AGE + 1 }),
    caseOf('as old as may be', BLOCK_BOTH, idle(), { ageMs: MAX_AGE }),
    caseOf('too old', BLOCK_BOTH, idle(), { ageMs: MAX_AGE + 1 }),
    caseOf('too old, and unknown', BLOCK_BOTH, null, { ageMs: MAX_AGE + 1 }),
    caseOf('unknown', BLOCK_BOTH, null),
    caseOf('unknown, in a region that is off', off, null, { order: { region: 'moscow' } }),
    caseOf('no policy was ever put', policyOf([], { version: 0 }), idle(), { order: { region: 'moscow' } }),
    caseOf('no rules', [], idle()),
    caseOf('region off', off, idle()),
    caseOf('the region of the order goes before the one of the shift', off, idle(), { order: { region: 'tver' } }),
    caseOf('a region without policy', BLOCK_BOTH, idle(), { order: { region: 'omsk' } }),
    caseOf('never judged, no region asked', BLOCK_BOTH, idle({ region: '' })),
    caseOf('never judged, a region asked', BLOCK_BOTH, idle({ region: '' }), { order: { region: 'moscow' } }),
    caseOf('nobody on record', BLOCK_BOTH, idle({ person: '' })),
    caseOf('nobody on record, elsewhere', BLOCK_BOTH, idle({ person: '', region: '' })),
  ];
}

function rules(): Case[] {
  const [share, ann] = [shareOf('ann'), { parks: [], people: ['ann'] }];
  const park = { parks: ['park1'], people: [] };
  const warn = ruleOf({ mode: 'warn' });
  const says = (name: string, rule: Partial<Rule>, facts = idle()) => caseOf(name, [ruleOf(rule), warn], facts);
  const boundAt = (bindingUpdatedAt: number | null) => idle({ bindingUpdatedAt });
  const grace = { graceMs: 10 * MINUTE };
  return [
    says('from now on', { from: NOW }),
    says('not yet', { from: NOW + 1 }),
    says('just within the share', { share: share + 1 }),
    says('just outside the share', { share }),
    says('nobody', { share: 0 }),
    says('everybody, nobody on record', {}, idle({ person: '' })),
    says('half, nobody on record', { share: 9_999 }, idle({ person: '' })),
    says('included by person', { share: 0, include: ann }),
    says('included by park', { share: 0, include: park }),
    says('somebody else is included', { share: 0, include: { parks: ['park2'], people: ['bob'] } }),
    says('included by park, nobody on record', { share: 0, include: park }, idle({ person: '' })),
    says('excluded by person', { exclude: ann }),
    says('excluded by park', { exclude: park }),
    says('excluded goes before included', { share: 0, include: ann, exclude: park }),
    says('somebody else is excluded', { exclude: { parks: ['park2'], people: ['bob'] } }),
    says('in the grace', grace, boundAt(NOW - 10 * MINUTE + 1)),
    says('after the grace', grace, boundAt(NOW - 10 * MINUTE)),
    says('a grace, and nobody knows since when', grace, boundAt(null)),
    says('no grace, and the binding bears a later time than ours', {}, boundAt(NOW + MINUTE)),
    says('a grace is for the bound alone', grace, idle({ binding: 'rejected', bindingUpdatedAt: NOW })),
    caseOf('none applies', [ruleOf({ share: 0 })], idle()),
    caseOf('a rule for the other check', [ruleOf({ check: 'deptrans_id' })], idle()),
    caseOf(
      'off for some, blocked for the rest',
      [ruleOf({ mode: 'off', share: 0, include: park }), ruleOf({})],
      idle(),
    ),
  ];
}

function categories(): Case[] {
  const both = [
    ruleOf({ categories: ['business'] }),
    ruleOf({ categories: ['econom'], mode: 'warn' }),
    ruleOf({ mode: 'deprioritise', check: 'deptrans_id', categories: ['econom', 'business'] }),
  ];
  const mixed = [ruleOf({ categories: ['business'], mode: 'off' }), ruleOf({ mode: 'observe' })];
  const asked = [undefined, [], ['econom'], ['business'], ['econom', 'business'], ['vip'], ['vip', 'econom'], ['']];
  return asked.flatMap((categories) => {
    const name = `categories ${JSON.stringify(categories ?? 'unsaid')}`;
    const order = categories === undefined ? {} : { categories };
    return [
      caseOf(`${name}: by tariff`, both, idle({ binding: 'unbound' }), { order }),
      caseOf(`${name}: off in one`, mixed, idle(), { order }),
      caseOf(`${name}: none with a rule`, [ruleOf({ categories: ['econom'], share: 0 })], idle(), { order }),
    ];
  });
}

/** `n` cases drawn from everything above at once. `random` gives 0 ≤ x < 1. */
export function drawCases(n: number, random: () => number): Case[] {
  const of = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = <T>(list: readonly T[], chance = 0.3): T[] => list.filter(() => random() < chance);
  const people = () => ({ parks: some(['park1', 'park2']), people: some(['ann', 'bob', 'eve', 'Ёж']) });
  const near = () => NOW + of([-61, -30, -10, -1, 0, 1, 10, 30, 61]) * MINUTE + of([-1, 0, 1]);
  const rule = () =>
    ruleOf({
      check: of(['deptrans_id', 'session']),
      categories: some(['econom', 'business', 'vip']),
      mode: of([...MODES, 'block', 'block']),
      from: random() < 0.7 ? NOW - MINUTE : near(),
      share: of([0, 1, 2_500, 5_000, 9_999, 10_000, 10_000]),
      include: people(),
      exclude: random() < 0.3 ? people() : NOBODY,
      graceMs: of([0, 0, 10 * MINUTE, 30 * MINUTE]),
    });
  const region = (id: string) =>
    regionOf(Array.from({ length: of([0, 1, 2, 3, 4]) }, rule), {
      id,
      on: random() < 0.9,
      steppedBack: random() < 0.2,
      endsSoonMs: of([0, 10 * MINUTE, 30 * MINUTE]),
      tariffs: some(['econom', 'business', 'vip', 'comfortplus'], 0.6),
    });
  const known = () =>
    factsOf({
      parkId: of(['park1', 'park2', 'park3']),
      person: of(['ann', 'bob', 'eve', 'Ёж', '']),
      binding: of(BINDING_STATES),
      bindingUpdatedAt: of([null, near()]),
      session: of(SESSION_STATUSES),
      sessionUpdatedAt: of([null, near()]),
      sessionEndedAt: of([null, near()]),
      region: of(['moscow', 'moscow', 'tver', '']),
    });
  return Array.from({ length: n }, (_, i) => ({
    name: `drawn ${i}`,
    policy: policyOf([region('moscow'), region('tver')], { suspended: random() < 0.03 }),
    facts: random() < 0.03 ? null : known(),
    order: {
      region: of([undefined, undefined, 'moscow', 'tver', 'omsk']),
      categories: of([undefined, some(['vip', 'business', 'econom'])]),
    },
    now: NOW,
    ageMs: of([0, 0, 0, 0, MAX_AGE, MAX_AGE + 1]),
  }));
}

export function writtenCases(): Case[] {
  return [...facts(), ...modes(), ...outsideTheRules(), ...rules(), ...categories()];
}
