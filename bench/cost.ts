/** What a piece of work cost this process: CPU of all its threads, user and system, and the time on the wall. Milliseconds. */
export type Cost = { cpuMs: number; wallMs: number };

export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - startedAt };
}

/** The cost of `count` pieces of work as rates, per second of CPU and on the wall, and the CPU of one piece in µs. */
export function ratesOf(count: number, { cpuMs, wallMs }: Cost) {
  return {
    perSecondOfCpu: (count / cpuMs) * 1000,
    perSecond: (count / wallMs) * 1000,
    cpuUsEach: (cpuMs / count) * 1000,
  };
}
