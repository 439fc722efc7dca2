// Follows the service at the first argument up to the number given by the second, with the library that is installed beside it, and prints what
// it holds and answers.
import { setTimeout as pause } from 'node:timers/promises';
import { openDriverCache } from '@deptrans/driver-cache';

const [url, head] = process.argv.slice(2);
const cache = await openDriverCache({
  endpoints: [url],
  regions: [{ id: 'moscow', on: true, tariffs: ['econom', 'business'] }],
  dump: { path: './driver-cache.dump' },
});
await cache.ready(AbortSignal.timeout(30_000));
const isThere = () => ['ids', 'statuses'].every((kind) => cache.metrics()[`${kind}_through_seq`] >= Number(head));
while (!isThere()) await pause(10);
const answers = [...cache].map((record) => {
  const { allowed, deptransId, session } = cache.check(record, { region: 'moscow', categories: ['econom'] });
  return { record, allowed, deptransId, session };
});
const metrics = cache.metrics();
await cache.close();
process.stdout.write(JSON.stringify({ answers, metrics }));
