/**
 * Gathers items that arrive close together and works on them in one go: one batch at a time, of at most `maxSize`; what arrives meanwhile
 * makes the next one. Nobody is told but by what `run` does: a promise for each item would cost more than most that is done with it.
 */
export type Batcher<Item> = {
  add(item: Item): void;
};

export type BatcherOptions<Item> = {
  maxSize: number;
  /** How long the first item waits for company, ms. */
  lingerMs: number | (() => number);
  run(items: Item[]): Promise<void>;
  /** Told when `run` of these items rejected. */
  failed(items: Item[], error: unknown): void;
};

export function openBatcher<Item>({ maxSize, lingerMs, run, failed }: BatcherOptions<Item>): Batcher<Item> {
  let waiting: Item[] = [];
  let running = false;

  const work = async () => {
    running = true;
    await new Promise((resolve) => setTimeout(resolve, typeof lingerMs === 'number' ? lingerMs : lingerMs()));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxSize);
      waiting = waiting.slice(maxSize);
      await run(batch).catch((error) => failed(batch, error));
    }
    running = false;
  };

  return {
    add(item) {
      waiting.push(item);
      if (!running) void work();
    },
  };
}
