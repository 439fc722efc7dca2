/** Wakes that an event should have made and only the sweep did, by the metrics of the service since its start. Anything but 0 is a bug. */
export async function readSweepRepaired(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) })).text();
  const lines = text.matchAll(/^deptrans_sweep_repaired_total\{[^}]*\} (\S+)$/gm);
  return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
}
