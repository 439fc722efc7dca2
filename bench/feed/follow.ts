import { openDriverCache } from '../../consumer/driver-cache.ts';

/**
 * A consumer with the library that ships, a process of its own (started with `fork`). Argument: the server's URL. Sends `{ following }` when its copy
 * is whole and what it applied when asked; ends when the parent goes.
 */
const [url = ''] = process.argv.slice(2);
let arrivals: { seq: number; at: number }[] = [];

const cache = await openDriverCache({
  endpoints: [url],
  onChange(change) {
    if (change.kind !== 'session') return;
    const seq = cache.get(change)?.session?.seq ?? 0;
    if (seq > (arrivals.at(-1)?.seq ?? 0)) arrivals.push({ seq, at: performance.timeOrigin + performance.now() });
  },
});
process.on('message', () => {
  process.send?.({ changes: arrivals.length, bytes: 0, ended: 0, arrivals });
  arrivals = [];
});
process.on('disconnect', () => process.exit());
await cache.ready();
process.send?.({ following: 1 });
