/**
 * Loaded into a process that is measured (`NODE_OPTIONS=--import`): how long its main thread runs without letting anybody else in. Every 5 ms a
 * timer asks how much CPU the thread has used since the last time; where the loop was held up by own work, the timer comes late and finds all
 * of it. By CPU, so that what neighbours on the machine take does not count. A stretch is never longer than what is told here: up to 5 ms
 * of turns before it are in it.
 *
 * SIGUSR2 prints a line `{"stretches": {"p99Ms", "maxMs", "count"}}` and begins anew.
 */
const EVERY_MS = 5;

let stretches: number[] = [];
let last = process.threadCpuUsage();

setInterval(() => {
  const now = process.threadCpuUsage();
  stretches.push((now.user + now.system - last.user - last.system) / 1_000);
  last = now;
}, EVERY_MS).unref();

process.on('SIGUSR2', () => {
  const sorted = stretches.toSorted((a, b) => a - b);
  stretches = [];
  const p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
  process.stdout.write(
    `${JSON.stringify({ stretches: { p99Ms, maxMs: sorted.at(-1) ?? 0, count: sorted.length } })}\n`,
  );
});
