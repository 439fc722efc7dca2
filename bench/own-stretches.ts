/**
 * Loaded into a process that is measured (`NODE_OPTIONS=--import`, see stretch-meter.ts): how long its main thread runs without letting anybody else in.
 * Every 5 ms a timer asks how much CPU the thread has used since the last time; where the loop was held up by own work, the timer comes late and
 * finds all of it. By CPU, so that what neighbours on the machine take does not count. A stretch is never longer than what is told here: up to
 * 5 ms of turns before it are in it. And the greatest resident memory, looked at every 100 ms.
 *
 * SIGUSR2 prints a line `{"stretches": {"p99Ms", "p999Ms", "maxMs", "count", "maxRss"}}` and begins anew.
 */
const EVERY_MS = 5;
const MEMORY_EVERY_MS = 100;

let stretches: number[] = [];
let maxRss = 0;
let last = process.threadCpuUsage();

setInterval(() => {
  const now = process.threadCpuUsage();
  stretches.push((now.user + now.system - last.user - last.system) / 1_000);
  last = now;
}, EVERY_MS).unref();

setInterval(() => {
  maxRss = Math.max(maxRss, process.memoryUsage.rss());
}, MEMORY_EVERY_MS).unref();

process.on('SIGUSR2', () => {
  const sorted = stretches.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  const found = { p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1), count: sorted.length, maxRss };
  stretches = [];
  maxRss = process.memoryUsage.rss();
  process.stdout.write(`${JSON.stringify({ stretches: found })}\n`);
});
