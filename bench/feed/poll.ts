import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Pollers in a process of their own (started with `fork`): each asks once a second for what is newer than what it has, and all of it anew every ten
 * minutes. Arguments: the server's URL and how many. Sends `{ following }` when each has had an answer and its counts when asked;
 * ends when the parent goes.
 */
const [url = '', count = '0'] = process.argv.slice(2);
const EVERY_MS = 1_000;
const RELOAD_MS = 600_000;

type Answer = { records: { seq: number; updated_us: number; person_no: number }[] };

const counts = { changes: 0, bytes: 0, ended: 0, reloads: 0, arrivals: [] as { seq: number; at: number }[] };
let following = 0;

async function ask(path: string, after: number): Promise<Answer> {
  const body = await (await fetch(`${url}${path}?after=${after}`)).text();
  counts.bytes += body.length;
  return JSON.parse(body) as Answer;
}

async function poll(isFirst: boolean): Promise<void> {
  let newest = Date.now() * 1_000;
  await pause(Math.random() * EVERY_MS);
  for (let asked = 0; ; asked++) {
    const startedAt = performance.now();
    const { records } = await ask('/updates', newest);
    newest = records.at(-1)?.updated_us ?? newest;
    if (asked === 0 && ++following === Number(count)) process.send?.({ following });
    if (records.length > 0) counts.changes += 1;
    if (isFirst && records.length > 0) {
      const seq = Math.max(...records.map((record) => record.seq));
      counts.arrivals.push({ seq, at: performance.timeOrigin + performance.now() });
    }
    await pause(Math.max(0, EVERY_MS - (performance.now() - startedAt)));
  }
}

/** As many reloads as all pollers make together, one after the other. */
async function reload(): Promise<void> {
  for (;;) {
    await pause(RELOAD_MS / Number(count));
    for (let after = 0; ; ) {
      const { records } = await ask('/all', after);
      if (records.length === 0) break;
      after = records.at(-1)!.person_no;
    }
    counts.reloads += 1;
  }
}

setPriority(10); // it stands for other machines: it must not take the server's turn
for (let i = 0; i < Number(count); i++) void poll(i === 0);
void reload();
process.on('message', () => {
  process.send?.(counts);
  Object.assign(counts, { changes: 0, bytes: 0, reloads: 0, arrivals: [] });
});
process.on('disconnect', () => process.exit());
