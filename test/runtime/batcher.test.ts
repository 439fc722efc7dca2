import { expect, test } from 'vitest';
import { openBatcher } from '../../src/runtime/batcher.ts';

test('items that come together are one batch, and each gets its own result', async () => {
  const batches: number[][] = [];
  const batcher = openBatcher<number, number>({
    maxSize: 3,
    lingerMs: 1,
    run: (items) => {
      batches.push(items);
      return Promise.resolve(items.map((item) => item * 10));
    },
  });
  expect(await Promise.all([1, 2, 3, 4].map((item) => batcher.add(item)))).toEqual([10, 20, 30, 40]);
  expect(batches).toEqual([[1, 2, 3], [4]]);
  expect(await batcher.add(5)).toBe(50);
});

test('one batch at a time: what comes meanwhile makes the next', async () => {
  const held = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const batches: number[][] = [];
  const batcher = openBatcher<number, void>({
    maxSize: 10,
    lingerMs: 0,
    run: async (items) => {
      batches.push(items);
      started.resolve();
      await held.promise;
      return items.map(() => undefined);
    },
  });
  const first = batcher.add(1);
  await started.promise;
  const rest = [batcher.add(2), batcher.add(3)];
  expect(batches).toEqual([[1]]);
  held.resolve();
  await Promise.all([first, ...rest]);
  expect(batches).toEqual([[1], [2, 3]]);
});

test('a batch that fails fails its own items only', async () => {
  const batcher = openBatcher<number, number>({
    maxSize: 1,
    lingerMs: 0,
    run: ([item]) => (item === 2 ? Promise.reject(new Error('no')) : Promise.resolve([item!])),
  });
  const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
