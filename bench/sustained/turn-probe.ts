import { writeFileSync } from 'node:fs';

/**
 * Loaded into the service before everything else (`--import`): measures it from inside and writes what it found to the file `PROBE_FILE` when the
 * process ends. SIGUSR2 begins anew.
 *
 * A stretch is the CPU that the main thread has used between two rounds of a timer of 1 ms. The timer cannot fire within a turn of the event loop,
 * so a stretch holds the whole of the longest turn, and at most a millisecond of shorter ones beside it. Time in which the thread did
 * not run, because others had the core, does not count.
 */
const kept: number[] = [];
let maxRss = 0;
let last = process.threadCpuUsage();

const rssTimer = setInterval(() => {
  maxRss = Math.max(maxRss, process.memoryUsage.rss());
}, 100);

function round(): void {
  const now = process.threadCpuUsage();
  kept.push((now.user + now.system - last.user - last.system) / 1000);
  last = now;
  setTimeout(round, 1).unref();
}

process.on('SIGUSR2', () => {
  kept.length = 0;
  maxRss = 0;
  last = process.threadCpuUsage();
});
process.on('exit', () => {
  const sorted = kept.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  const found = { maxRss, rounds: sorted.length, p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) };
  writeFileSync(process.env['PROBE_FILE']!, JSON.stringify(found));
});
rssTimer.unref();
round();
