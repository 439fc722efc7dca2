/** What users want to be told. Hooks are called in the middle of things: they must be quick, and whatever they throw is caught and counted. */
export class Hooks {
  failures = 0;

  call<Args extends readonly unknown[]>(hook: ((...args: Args) => unknown) | undefined, ...args: Args): void {
    if (!hook) return;
    try {
      const result = hook(...args);
      if (isThenable(result)) result.then(undefined, () => this.#count());
    } catch {
      this.#count();
    }
  }

  #count(): void {
    this.failures += 1;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
