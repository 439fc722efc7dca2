import type { CacheState } from './options.ts';

/** Tells of changes of state, and those who wait for the first one that can answer. */
export class States {
  readonly #now: () => CacheState;
  readonly #tell: (state: CacheState, before: CacheState) => void;
  #told: CacheState;
  readonly #waiting = new Set<{ resolve(): void; reject(reason: unknown): void }>();

  constructor(now: () => CacheState, tell: (state: CacheState, before: CacheState) => void) {
    this.#now = now;
    this.#tell = tell;
    this.#told = now();
  }

  /** Looks whether the state has changed. */
  look(): void {
    const state = this.#now();
    if (state === 'current' || state === 'detached') this.#release(({ resolve }) => resolve());
    if (state === 'closed') this.#release(({ reject }) => reject(new Error('the cache is closed')));
    if (state === this.#told) return;
    const before = this.#told;
    this.#told = state;
    this.#tell(state, before);
  }

  /** Resolves in a state that can answer; rejects when `signal` aborts or the cache is closed. */
  ready(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => reject(signal?.reason);
      signal?.addEventListener('abort', leave, { once: true });
      const settle = (end: () => void) => () => {
        signal?.removeEventListener('abort', leave);
        end();
      };
      this.#waiting.add({ resolve: settle(resolve), reject: (reason) => settle(() => reject(reason))() });
      this.look();
    });
  }

  #release(end: (one: { resolve(): void; reject(reason: unknown): void }) => void): void {
    for (const one of this.#waiting) end(one);
    this.#waiting.clear();
  }
}
