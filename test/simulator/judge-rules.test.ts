import { beforeEach, describe, expect, test } from 'vitest';
import { always, openAnna } from './anna.ts';

let anna: ReturnType<typeof openAnna>;
beforeEach(() => {
  anna = openAnna();
});

describe('place', () => {
  test('driving in makes it right, not before', () => {
    anna.truth.place('A/anna', 'outside', always);
    anna.on(10);
    anna.report(true, 12);
    anna.report(false, 13);
    anna.truth.place('A/anna', 'inside', 20_000);
    anna.report(true, 50);
    anna.expectVerdict({ outOfOrder: 1 });
  });

  test('after driving out either is right for the dwell, then it must be closed', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.truth.place('A/anna', 'outside', 20_000);
    anna.nowS = 20 + 1_799;
    anna.expectVerdict({ either: { 'left lately': 1 } });
    anna.nowS = 20 + 1_800;
    anna.expectVerdict({ differ: 1 });
    anna.report(false, 1_820);
    anna.expectVerdict({});
  });

  test('the dwell is not for those who come on line outside', () => {
    anna.truth.place('A/anna', 'outside', 20_000);
    anna.on(60);
    anna.nowS = 61;
    anna.expectVerdict({ trulyConnected: 0 });
    expect(anna.verdict().either).toEqual({});
  });

  test('the dwell goes on when the profile is taken away that was inside, and another came on line since', () => {
    anna.on(10, 'B/anna');
    anna.report(true, 11);
    anna.truth.place('A/anna', 'outside', 500_000);
    anna.truth.place('B/anna', 'outside', 500_000);
    anna.truth.person('B/anna', 'pd-boris', 502_000);
    anna.on(503);
    anna.expectVerdict({ either: { 'left lately': 1 } });
  });

  test('the dwell goes on through park switches and breaks that nobody saw, but opens nothing', () => {
    anna.on(10, 'A/anna');
    anna.report(true, 11);
    for (const profile of ['A/anna', 'B/anna']) anna.truth.place(profile, 'outside', 20_000);
    anna.off(30, 'A/anna');
    anna.on(30, 'B/anna');
    anna.off(40, 'B/anna');
    anna.on(60, 'B/anna');
    anna.expectVerdict({ either: { 'left lately': 1 } });
    anna.report(false, 61);
    anna.expectVerdict({ trulyConnected: 0 });
    anna.report(true, 62);
    anna.expectVerdict({ differ: 1, outOfOrder: 1 });
  });

  test('the dwell goes on when the profile that was inside is taken away', () => {
    anna.truth.place('B/anna', 'outside', always);
    anna.on(10, 'A/anna');
    anna.report(true, 11);
    anna.on(15, 'B/anna');
    anna.truth.person('A/anna', null, 20_000);
    anna.expectVerdict({ either: { 'left lately': 1 } });
  });

  test('while the region is switched off everybody must be closed', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.report(false, 60);
    anna.truth.region(false, 100_000);
    anna.expectVerdict({ outOfOrder: 1, trulyConnected: 0 });
    anna.report(true, 61);
    anna.report(false, 115);
    anna.expectVerdict({ outOfOrder: 1 });
    anna.report(true, 150);
    anna.expectVerdict({ outOfOrder: 2, differ: 1 });
    anna.report(false, 151);
    anna.truth.region(true, 200_000);
    anna.expectVerdict({ outOfOrder: 2, differ: 1, trulyConnected: 1 });
    anna.report(true, 205);
    anna.expectVerdict({ outOfOrder: 2 });
  });

  test('an unknown place neither opens nor closes', () => {
    anna.truth.place('A/anna', 'unknown', always);
    anna.on(10);
    anna.expectVerdict({ either: { 'nobody knows where': 1 } });
    anna.report(true, 11);
    anna.expectVerdict({ outOfOrder: 1 });
  });
});

describe('binding', () => {
  test('bound late: right from then on', () => {
    anna.truth.binding('7', null, always);
    anna.on(10);
    anna.truth.binding('7', 'pd-anna', 20_000);
    anna.report(true, 21);
    anna.expectVerdict({});
  });

  test('reported before it was bound', () => {
    anna.truth.binding('7', null, always);
    anna.on(10);
    anna.report(true, 15);
    anna.truth.binding('7', 'pd-anna', 20_000);
    anna.expectVerdict({ outOfOrder: 1 });
  });

  test('after a change of licence the id moves to the new person', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.truth.person('A/anna', 'pd-new', 20_000);
    anna.truth.person('B/anna', 'pd-new', 20_000);
    anna.report(false, 22);
    anna.truth.binding('7', 'pd-new', 25_000);
    anna.report(true, 26);
    anna.expectVerdict({});
  });

  test('while a request is under way nobody can say', () => {
    anna.on(10);
    anna.truth.unsettled('7', true);
    anna.expectVerdict({ either: { 'a binding is under way': 1 } });
    anna.truth.unsettled('7', false);
    anna.expectVerdict({ differ: 1 });
  });

  test('a person holds one id: the former one must be closed', () => {
    anna.regulator.registry.put('9', 'licence of Anna');
    anna.on(10);
    anna.report(true, 11);
    anna.truth.binding('9', 'pd-anna', 20_000);
    anna.report(true, 21, '9');
    anna.expectVerdict({ differ: 1 });
    anna.report(false, 22);
    anna.expectVerdict({});
  });
});

describe('the regulator stands in the way', () => {
  test('repeats and second shifts are counted, but a repeat after its own end of the shift is none', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.report(true, 12);
    anna.expectVerdict({ duplicates: 1 });
    anna.regulator.settings.repeats = 'secondShift';
    anna.regulator.registry.endShift('7', 13_000);
    anna.off(14);
    anna.report(false, 15);
    anna.expectVerdict({ duplicates: 1 });
    anna.on(16);
    anna.report(true, 17);
    anna.report(true, 18);
    anna.expectVerdict({ duplicates: 2, secondShifts: 1 });
  });

  test('a refused report excuses just that state', () => {
    anna.regulator.registry.block('7', 50_000);
    anna.on(10);
    anna.report(true, 11);
    anna.expectVerdict({ either: { 'refused by the regulator': 1 } });
    anna.off(20);
    expect(anna.verdict().either).toEqual({});
    anna.on(60);
    anna.report(true, 61);
    anna.off(70);
    anna.expectVerdict({ differ: 1 });
  });

  test('a shift it ended need not be opened again before a break', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.regulator.registry.endShift('7', 20_000);
    anna.expectVerdict({ either: { 'the shift is over and there was no break': 1 } });
    anna.off(30);
    anna.on(31);
    anna.expectVerdict({ differ: 1 });
  });

  test('an id it does not know excuses', () => {
    anna.on(10);
    anna.regulator.registry.forget('7');
    anna.report(true, 11);
    anna.expectVerdict({ either: { 'the regulator does not know the id': 1 } });
  });
});
