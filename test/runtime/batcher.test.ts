import { expect, test } from 'vitest';
import { openBatcher } from '../../src/runtime/batcher.ts';
import { until } from '../support/until.ts';

test('items that come together are worked on together, at most so many at once', async () => {
  const batches: number[][] = [];
  const batcher = openBatcher<number>({
    maxSize: 3,
    lingerMs: 1,
    run(items) {
      batches.push(items);
      return Promise.resolve();
    },
    failed: () => expect.unreachable(),
  });
  for (const item of [1, 2, 3, 4]) batcher.add(item);
  await until(() => batches.length === 2, 'both batches');
  batcher.add(5);
  await until(() => batches.length === 3, 'another batch after a rest');
  expect(batches).toEqual([[1, 2, 3], [4], [5]]);
});

test('one batch at a time: what comes meanwhile makes the next', async () => {
  const held = Promise.withResolvers<void>();
  const batches: number[][] = [];
  const batcher = openBatcher<number>({
    maxSize: 10,
    lingerMs: 0,
    run: (items) => {
      batches.push(items);
      return held.promise;
    },
    failed: () => expect.unreachable(),
  });
  batcher.add(1);
  await until(() => batches.length === 1, 'the first batch');
  batcher.add(2);
  batcher.add(3);
  expect(batches).toEqual([[1]]);
  held.resolve();
  await until(() => batches.length === 2, 'the second batch');
  expect(batches).toEqual([[1], [2, 3]]);
});

test('a batch that fails is told of with its own items only', async () => {
  const done: number[] = [];
  const failed: [number[], unknown][] = [];
  const batcher = openBatcher<number>({
    maxSize: 1,
    lingerMs: 0,
    run([item]) {
      if (item === 2) return Promise.reject(new Error('no'));
      done.push(item!);
      return Promise.resolve();
    },
    failed: (items, error) => failed.push([items, error]),
  });
  for (const item of [1, 2, 3]) batcher.add(item);
  await until(() => done.length === 2, 'the others');
  expect(done).toEqual([1, 3]);
  expect(failed).toEqual([[[2], new Error('no')]]);
});
