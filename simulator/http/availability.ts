/** `up`, `unavailable` (answers 503) or `refused` (nothing listens; on a port shared with others: the connection is cut at once). */
export type AvailabilityMode = 'up' | 'unavailable' | 'refused';

/** Whether a part answers at all. */
export type Availability = {
  readonly mode: AvailabilityMode;
  /** Resolves when listeners have followed. With `forMs` the part comes up again by itself after that time. */
  set(mode: AvailabilityMode, forMs?: number): Promise<void>;
  /** Calls back at every change until the returned function is called. */
  follow(listener: (mode: AvailabilityMode) => Promise<void>): () => void;
};

export function openAvailability(): Availability {
  const listeners = new Set<(mode: AvailabilityMode) => Promise<void>>();
  let current: AvailabilityMode = 'up';
  let comeBack: NodeJS.Timeout | undefined;
  const change = async (mode: AvailabilityMode) => {
    current = mode;
    await Promise.all([...listeners].map((listener) => listener(mode)));
  };
  return {
    get mode() {
      return current;
    },
    set(mode, forMs) {
      clearTimeout(comeBack);
      if (forMs !== undefined) comeBack = setTimeout(() => void change('up'), forMs).unref();
      return change(mode);
    },
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
