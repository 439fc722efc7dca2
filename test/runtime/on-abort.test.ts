import { expect, test } from 'vitest';
import { offAbort, onAbort } from '../../src/runtime/on-abort.ts';

test('calls what waits for a signal once, and nothing that was taken back', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const [first, second] = [() => called.push('first'), () => called.push('second')];
  onAbort(controller.signal, first);
  onAbort(controller.signal, second);
  offAbort(controller.signal, first);
  expect(called).toEqual([]);
  controller.abort();
  expect(called).toEqual(['second']);
  onAbort(controller.signal, first);
  expect(called).toEqual(['second', 'first']);
});
