import { beforeEach, describe, expect, test } from 'vitest';
import { judge, plainRules } from '../../simulator/judge/judge.ts';
import { openAnna } from './anna.ts';

let anna: ReturnType<typeof openAnna>;
beforeEach(() => {
  anna = openAnna();
});

describe('a right history has no faults', () => {
  test('on, off, on', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.off(20);
    anna.report(false, 60);
    anna.on(30);
    anna.report(true, 61);
    anna.expectVerdict({ connected: 1, trulyConnected: 1, reports: 3 });
  });

  test('states the service never saw are stepped over', () => {
    for (const atS of [10, 30, 50]) {
      anna.on(atS);
      anna.off(atS + 10);
    }
    anna.on(70);
    anna.report(true, 90);
    anna.expectVerdict({ reports: 1 });
  });

  test('off and on in one millisecond are two states', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.off(20);
    anna.on(20);
    anna.report(false, 21);
    anna.report(true, 22);
    anna.expectVerdict({});
  });

  test('a park switch may show, in either order of arrival, or not', () => {
    anna.on(10, 'A/anna');
    anna.report(true, 11);
    anna.on(20, 'B/anna');
    anna.off(21, 'A/anna');
    anna.expectVerdict({});
    anna.report(false, 22);
    anna.report(true, 23);
    anna.expectVerdict({});
  });
});

describe('a wrong end is a difference', () => {
  test('a missing disconnect', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.off(20);
    anna.expectVerdict({ differ: 1 });
    expect(anna.verdict().examples).toEqual([
      { deptransId: '7', what: 'differ', should: 'disconnected', why: 'does not work' },
    ]);
  });

  test('a missing connect', () => {
    anna.on(10);
    anna.expectVerdict({ differ: 1, trulyConnected: 1, connected: 0 });
  });

  test('closed by the park that went off while the other is on', () => {
    anna.on(10, 'A/anna');
    anna.on(11, 'B/anna');
    anna.report(true, 12);
    anna.off(20, 'B/anna');
    anna.report(false, 21);
    anna.expectVerdict({ differ: 1, outOfOrder: 0 });
    expect(anna.verdict().examples[0]).toMatchObject({ should: 'connected' });
  });

  test.each([
    ['the last listed tariff', () => anna.truth.tariffs('A/anna', false, 20_000)],
    ['the profile', () => anna.truth.person('A/anna', null, 20_000)],
    ['the licence', () => anna.truth.person('A/anna', 'pd-new', 20_000)],
    ['the binding', () => anna.truth.binding('7', null, 20_000)],
  ])('left open after losing %s', (_, lose) => {
    anna.on(10);
    anna.report(true, 11);
    lose();
    anna.expectVerdict({ differ: 1 });
    anna.report(false, 40);
    anna.expectVerdict({});
  });

  test('an id that was never bound, reported', () => {
    anna.regulator.registry.put('8', 'licence of nobody');
    anna.report(true, 10, '8');
    anna.expectVerdict({ differ: 1, outOfOrder: 1 });
  });
});

describe('a wrong order is seen even if the end is right', () => {
  test('an older report after a newer one', () => {
    anna.on(10);
    anna.off(20);
    anna.report(true, 21);
    anna.report(false, 22);
    anna.report(true, 23);
    anna.report(false, 24);
    anna.expectVerdict({ outOfOrder: 1 });
  });

  test('a report before its cause', () => {
    anna.report(true, 9);
    anna.on(10);
    anna.expectVerdict({ outOfOrder: 1 });
  });

  test('a disconnect that nothing caused', () => {
    anna.on(10);
    anna.report(true, 11);
    anna.report(false, 30);
    anna.report(true, 31);
    anna.expectVerdict({ outOfOrder: 1 });
  });

  test('a profile whose walk has passed cannot be used again', () => {
    anna.on(10, 'A/anna');
    anna.off(20, 'A/anna');
    anna.on(30, 'B/anna');
    anna.off(40, 'B/anna');
    anna.report(true, 41);
    anna.report(false, 42);
    anna.report(true, 43);
    anna.report(false, 44);
    anna.expectVerdict({});
    anna.report(true, 45);
    anna.report(false, 46);
    anna.expectVerdict({ outOfOrder: 1 });
  });
});

test('the slack is bounded', () => {
  anna.on(10);
  anna.report(true, 11);
  anna.truth.tariffs('A/anna', false, 12_000);
  anna.truth.tariffs('A/anna', true, 13_000);
  anna.report(false, 22);
  anna.report(true, 23);
  anna.expectVerdict({});
  anna.report(false, 40);
  anna.report(true, 41);
  anna.expectVerdict({ outOfOrder: 1 });
  expect(judge(anna.truth, anna.regulator, 1_000_000, { ...plainRules, slackMs: 60_000 }).outOfOrder).toBe(0);
});
