import { setTimeout as pause } from 'node:timers/promises';

/** Waits until something holds; fails after `withinMs` with the name of what did not come. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 120_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}
