import { beforeEach, describe, expect, test } from 'vitest';
import { judge, plainRules, type Verdict } from '../../simulator/judge/judge.ts';
import { openTruth, type Truth } from '../../simulator/judge/truth.ts';
import { makeRegulator, type Regulator } from '../../simulator/regulator/regulator.ts';

// Anna has two profiles, in parks A and B; her id is 7. Times are seconds since the beginning.
let truth: Truth;
let regulator: Regulator;
let nowS: number;
const always = Number.NEGATIVE_INFINITY;

beforeEach(() => {
  truth = openTruth();
  regulator = makeRegulator({ settings: { repeats: 'harmless' } });
  regulator.registry.put('7', 'licence of Anna');
  for (const profile of ['A/anna', 'B/anna']) {
    truth.person(profile, 'pd-anna', always);
    truth.tariffs(profile, true, always);
    truth.place(profile, 'inside', always);
  }
  truth.binding('7', 'pd-anna', always);
  nowS = 1_000;
});

const on = (atS: number, profile = 'A/anna') => truth.status(profile, true, atS * 1_000);
const off = (atS: number, profile = 'A/anna') => truth.status(profile, false, atS * 1_000);
const report = (connected: boolean, atS: number, id = '7') =>
  regulator.registry.report(id, { connected, occurredAtMs: atS * 1_000 }, atS * 1_000);
const verdict = () => judge(truth, regulator, nowS * 1_000);
const expectVerdict = (wanted: Partial<Verdict>) =>
  expect(verdict()).toMatchObject({ differ: 0, outOfOrder: 0, duplicates: 0, secondShifts: 0, ...wanted });

describe('a right history has no faults', () => {
  test('on, off, on', () => {
    on(10);
    report(true, 11);
    off(20);
    report(false, 60);
    on(30);
    report(true, 61);
    expectVerdict({ connected: 1, trulyConnected: 1, reports: 3 });
  });

  test('states the service never saw are stepped over', () => {
    for (const atS of [10, 30, 50]) {
      on(atS);
      off(atS + 10);
    }
    on(70);
    report(true, 90);
    expectVerdict({ reports: 1 });
  });

  test('off and on in one millisecond are two states', () => {
    on(10);
    report(true, 11);
    off(20);
    on(20);
    report(false, 21);
    report(true, 22);
    expectVerdict({});
  });

  test('a park switch may show, in either order of arrival, or not', () => {
    on(10, 'A/anna');
    report(true, 11);
    on(20, 'B/anna');
    off(21, 'A/anna');
    expectVerdict({});
    report(false, 22);
    report(true, 23);
    expectVerdict({});
  });
});

describe('a wrong end is a difference', () => {
  test('a missing disconnect', () => {
    on(10);
    report(true, 11);
    off(20);
    expectVerdict({ differ: 1 });
    expect(verdict().examples).toEqual([
      { deptransId: '7', what: 'differ', should: 'disconnected', why: 'does not work' },
    ]);
  });

  test('a missing connect', () => {
    on(10);
    expectVerdict({ differ: 1, trulyConnected: 1, connected: 0 });
  });

  test('closed by the park that went off while the other is on', () => {
    on(10, 'A/anna');
    on(11, 'B/anna');
    report(true, 12);
    off(20, 'B/anna');
    report(false, 21);
    expectVerdict({ differ: 1, outOfOrder: 0 });
    expect(verdict().examples[0]).toMatchObject({ should: 'connected' });
  });

  test.each([
    ['the last listed tariff', () => truth.tariffs('A/anna', false, 20_000)],
    ['the profile', () => truth.person('A/anna', null, 20_000)],
    ['the licence', () => truth.person('A/anna', 'pd-new', 20_000)],
    ['the binding', () => truth.binding('7', null, 20_000)],
  ])('left open after losing %s', (_, lose) => {
    on(10);
    report(true, 11);
    lose();
    expectVerdict({ differ: 1 });
    report(false, 40);
    expectVerdict({});
  });

  test('an id that was never bound, reported', () => {
    regulator.registry.put('8', 'licence of nobody');
    report(true, 10, '8');
    expectVerdict({ differ: 1, outOfOrder: 1 });
  });
});

describe('a wrong order is seen even if the end is right', () => {
  test('an older report after a newer one', () => {
    on(10);
    off(20);
    report(true, 21);
    report(false, 22);
    report(true, 23);
    report(false, 24);
    expectVerdict({ outOfOrder: 1 });
  });

  test('a report before its cause', () => {
    report(true, 9);
    on(10);
    expectVerdict({ outOfOrder: 1 });
  });

  test('a disconnect that nothing caused', () => {
    on(10);
    report(true, 11);
    report(false, 30);
    report(true, 31);
    expectVerdict({ outOfOrder: 1 });
  });

  test('a profile whose walk has passed cannot be used again', () => {
    on(10, 'A/anna');
    off(20, 'A/anna');
    on(30, 'B/anna');
    off(40, 'B/anna');
    report(true, 41);
    report(false, 42);
    report(true, 43);
    report(false, 44);
    expectVerdict({});
    report(true, 45);
    report(false, 46);
    expectVerdict({ outOfOrder: 1 });
  });
});

describe('place', () => {
  test('driving in makes it right, not before', () => {
    truth.place('A/anna', 'outside', always);
    on(10);
    report(true, 12);
    report(false, 13);
    truth.place('A/anna', 'inside', 20_000);
    report(true, 50);
    expectVerdict({ outOfOrder: 1 });
  });

  test('after driving out either is right for the dwell, then it must be closed', () => {
    on(10);
    report(true, 11);
    truth.place('A/anna', 'outside', 20_000);
    nowS = 20 + 1_799;
    expectVerdict({ either: { 'left lately': 1 } });
    nowS = 20 + 1_800;
    expectVerdict({ differ: 1 });
    report(false, 1_820);
    expectVerdict({});
  });

  test('the dwell is not for those who come on line outside', () => {
    truth.place('A/anna', 'outside', 20_000);
    on(60);
    nowS = 61;
    expectVerdict({ trulyConnected: 0 });
    expect(verdict().either).toEqual({});
  });

  test('the dwell goes on when the profile is taken away that was inside, and another came on line since', () => {
    on(10, 'B/anna');
    report(true, 11);
    truth.place('A/anna', 'outside', 500_000);
    truth.place('B/anna', 'outside', 500_000);
    truth.person('B/anna', 'pd-boris', 502_000);
    on(503);
    expectVerdict({ either: { 'left lately': 1 } });
  });

  test('the dwell goes on through park switches and breaks that nobody saw, but opens nothing', () => {
    on(10, 'A/anna');
    report(true, 11);
    for (const profile of ['A/anna', 'B/anna']) truth.place(profile, 'outside', 20_000);
    off(30, 'A/anna');
    on(30, 'B/anna');
    off(40, 'B/anna');
    on(60, 'B/anna');
    expectVerdict({ either: { 'left lately': 1 } });
    report(false, 61);
    expectVerdict({ trulyConnected: 0 });
    report(true, 62);
    expectVerdict({ differ: 1, outOfOrder: 1 });
  });

  test('the dwell goes on when the profile that was inside is taken away', () => {
    truth.place('B/anna', 'outside', always);
    on(10, 'A/anna');
    report(true, 11);
    on(15, 'B/anna');
    truth.person('A/anna', null, 20_000);
    expectVerdict({ either: { 'left lately': 1 } });
  });

  test('an unknown place neither opens nor closes', () => {
    truth.place('A/anna', 'unknown', always);
    on(10);
    expectVerdict({ either: { 'nobody knows where': 1 } });
    report(true, 11);
    expectVerdict({ outOfOrder: 1 });
  });
});

describe('binding', () => {
  test('bound late: right from then on', () => {
    truth.binding('7', null, always);
    on(10);
    truth.binding('7', 'pd-anna', 20_000);
    report(true, 21);
    expectVerdict({});
  });

  test('reported before it was bound', () => {
    truth.binding('7', null, always);
    on(10);
    report(true, 15);
    truth.binding('7', 'pd-anna', 20_000);
    expectVerdict({ outOfOrder: 1 });
  });

  test('after a change of licence the id moves to the new person', () => {
    on(10);
    report(true, 11);
    truth.person('A/anna', 'pd-new', 20_000);
    truth.person('B/anna', 'pd-new', 20_000);
    report(false, 22);
    truth.binding('7', 'pd-new', 25_000);
    report(true, 26);
    expectVerdict({});
  });

  test('while a request is under way nobody can say', () => {
    on(10);
    truth.unsettled('7', true);
    expectVerdict({ either: { 'a binding is under way': 1 } });
    truth.unsettled('7', false);
    expectVerdict({ differ: 1 });
  });

  test('a person holds one id: the former one must be closed', () => {
    regulator.registry.put('9', 'licence of Anna');
    on(10);
    report(true, 11);
    truth.binding('9', 'pd-anna', 20_000);
    report(true, 21, '9');
    expectVerdict({ differ: 1 });
    report(false, 22);
    expectVerdict({});
  });
});

describe('the regulator stands in the way', () => {
  test('repeats and second shifts are counted, but a repeat after its own end of the shift is none', () => {
    on(10);
    report(true, 11);
    report(true, 12);
    expectVerdict({ duplicates: 1 });
    regulator.settings.repeats = 'secondShift';
    regulator.registry.endShift('7', 13_000);
    off(14);
    report(false, 15);
    expectVerdict({ duplicates: 1 });
    on(16);
    report(true, 17);
    report(true, 18);
    expectVerdict({ duplicates: 2, secondShifts: 1 });
  });

  test('a refused report excuses just that state', () => {
    regulator.registry.block('7', 50_000);
    on(10);
    report(true, 11);
    expectVerdict({ either: { 'refused by the regulator': 1 } });
    off(20);
    expect(verdict().either).toEqual({});
    on(60);
    report(true, 61);
    off(70);
    expectVerdict({ differ: 1 });
  });

  test('a shift it ended need not be opened again before a break', () => {
    on(10);
    report(true, 11);
    regulator.registry.endShift('7', 20_000);
    expectVerdict({ either: { 'the shift is over and there was no break': 1 } });
    off(30);
    on(31);
    expectVerdict({ differ: 1 });
  });

  test('an id it does not know excuses', () => {
    on(10);
    regulator.registry.forget('7');
    report(true, 11);
    expectVerdict({ either: { 'the regulator does not know the id': 1 } });
  });
});

test('the slack is bounded', () => {
  on(10);
  report(true, 11);
  truth.tariffs('A/anna', false, 12_000);
  truth.tariffs('A/anna', true, 13_000);
  report(false, 22);
  report(true, 23);
  expectVerdict({});
  report(false, 40);
  report(true, 41);
  expectVerdict({ outOfOrder: 1 });
  expect(judge(truth, regulator, 1_000_000, { ...plainRules, slackMs: 60_000 }).outOfOrder).toBe(0);
});
