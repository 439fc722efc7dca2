/** Wakes that an event should have made and only the sweep did, by cause, by the metrics of the service since its start. Any is a bug. */
export async function readSweepRepaired(metricsUrl: string): Promise<Record<string, number>> {
  const text = await (await fetch(metricsUrl, { signal: AbortSignal.timeout(60_000) })).text();
  const lines = text.matchAll(/^deptrans_sweep_repaired_total\{cause="(\w+)"\} (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, cause, n]) => [cause, Number(n)]));
}
