/**
 * Gathers items that arrive close together and works on them in one go: one batch at a time, of at most `maxSize`; what arrives meanwhile
 * makes the next one. Each item gets its own result, or the error of its batch.
 */
export type Batcher<Item, Result> = {
  add(item: Item): Promise<Result>;
};

export type BatcherOptions<Item, Result> = {
  maxSize: number;
  /** How long the first item waits for company, ms. */
  lingerMs: number | (() => number);
  /** Returns one result per item, in order. */
  run(items: Item[]): Promise<Result[]>;
};

type Waiting<Item, Result> = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void };

export function openBatcher<Item, Result>({
  maxSize,
  lingerMs,
  run,
}: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let running = false;

  const work = async () => {
    running = true;
    await new Promise((resolve) => setTimeout(resolve, typeof lingerMs === 'number' ? lingerMs : lingerMs()));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxSize);
      waiting = waiting.slice(maxSize);
      try {
        const results = await run(batch.map(({ item }) => item));
        for (let i = 0; i < batch.length; i++) batch[i]!.resolve(results[i]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  };

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (!running) void work();
      }),
  };
}
