import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Pollers in a process of their own (started with `fork`): each asks once a second for what is newer than what it has, and all of it anew every ten
 * minutes. Of most answers only the end is read, which is enough to go on. Arguments: the server's URL and how many. Sends `{ following }` when each has had an answer and its counts when asked;
 * ends when the parent goes.
 */
const [url = '', count = '0'] = process.argv.slice(2);
const EVERY_MS = 1_000;
const RELOAD_MS = 600_000;

type Answer = { records: { seq: number }[] };

const counts = { changes: 0, bytes: 0, ended: 0, reloads: 0, arrivals: [] as { seq: number; at: number }[] };
let following = 0;

async function ask(path: string, after: number): Promise<string> {
  const body = await (await fetch(`${url}${path}?after=${after}`)).text();
  counts.bytes += body.length;
  return body;
}

/** A number of the last record of an answer; null if it has none. */
function lastOf(answer: string, name: string): number | null {
  const at = answer.lastIndexOf(`"${name}":`);
  return at === -1 ? null : Number.parseFloat(answer.slice(at + name.length + 3));
}

async function poll(isFirst: boolean): Promise<void> {
  let newest = Date.now() * 1_000;
  await pause(Math.random() * EVERY_MS);
  for (let asked = 0; ; asked++) {
    const startedAt = performance.now();
    const answer = await ask('/updates', newest);
    const last = lastOf(answer, 'updated_us');
    newest = last ?? newest;
    if (asked === 0 && ++following === Number(count)) process.send?.({ following });
    if (last !== null) counts.changes += 1;
    if (isFirst && last !== null) {
      const seq = (JSON.parse(answer) as Answer).records.reduce((most, record) => Math.max(most, record.seq), 0);
      counts.arrivals.push({ seq, at: performance.timeOrigin + performance.now() });
    }
    await pause(Math.max(0, EVERY_MS - (performance.now() - startedAt)));
  }
}

/** As many reloads as all pollers make together, one after the other. */
async function reload(): Promise<void> {
  for (;;) {
    await pause(RELOAD_MS / Number(count));
    for (let after: number | null = 0; after !== null; ) after = lastOf(await ask('/all', after), 'person_no');
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
