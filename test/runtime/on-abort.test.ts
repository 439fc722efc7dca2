import { expect, test } from 'vitest';
import { type AbortListener, offAbort, onAbort } from '../../src/runtime/on-abort.ts';

test('calls what waits for a signal once, and nothing that was taken back', () => {
  const controller = new AbortController();
  const called: number[] = [];
  const listeners = [0, 1, 2, 3, 4].map((i) => onAbort(controller.signal, () => called.push(i)));
  for (const gone of [1, 4, 1]) offAbort(controller.signal, listeners[gone]!);
  expect(called).toEqual([]);
  controller.abort();
  expect(called.toSorted()).toEqual([0, 2, 3]);
  onAbort(controller.signal, listeners[1]!);
  expect(called.at(-1)).toBe(1);
  expect(called).toHaveLength(4);
});

test('what is taken back by another while the signal aborts is not called', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const pair: AbortListener[] = [0, 1].map((i) =>
    onAbort(controller.signal, () => {
      called.push('one of them');
      offAbort(controller.signal, pair[1 - i]!);
    }),
  );
  controller.abort();
  expect(called).toEqual(['one of them']);
});
