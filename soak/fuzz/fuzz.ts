import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openRandom, type Random } from '../../simulator/random.ts';
import { openListener } from '../../src/runtime/listener.ts';
import type { Figures, Soak } from '../soak.ts';
import { mutated, randomBytes } from './bytes.ts';
import { type Target, targets } from './targets.ts';

/** One case in so many is a connection to a listener: those cost a hundred times more than the others. */
const CONNECTION_EVERY = 100;
const AT_ONCE = 20;
/** A case that takes longer, by the processor's time, is a hang; the longest of a good one is a few milliseconds. */
const HANG_MS = 5_000;
/** A listener that has answered nobody for so long is gone. */
const ANSWER_MS = 60_000;

const options = { cases: 1_000_000, seed: 1 };
type Size = typeof options;

type Broken = { target: string; no: number; problem: string };

/**
 * Random and mutated bytes for everything that takes bytes of strangers: the listener that finds out what a connection speaks, the messages in binary,
 * JSON and URLs, cursors, the topic. A case is made of the seed and its number alone, so a broken one can be run again.
 */
export async function fuzz({ cases, seed }: Size, signal: AbortSignal): Promise<Figures> {
  const broken: Broken[] = [];
  let slowestMs = 0;
  const memory = openMemory();
  await using sniffing = await openSniffing();
  for (let no = 0; no < cases && broken.length < 10; no++) {
    if (no % CONNECTION_EVERY === 0) await sniffing.tryOne(openRandom(`${seed}/listener/${no}`));
    const target = targets[no % targets.length]!;
    const began = process.cpuUsage();
    const problem = tryOne(target, openRandom(`${seed}/${target.name}/${no}`));
    slowestMs = Math.max(slowestMs, millisecondsSince(began));
    if (problem) broken.push({ target: target.name, no, problem });
    if (no % 1_000 !== 0) continue;
    memory.look(no / cases);
    await turn();
    signal.throwIfAborted();
  }
  await sniffing.settle();
  const { unanswered } = sniffing;
  const grownMb = memory.grownMb();
  return {
    connections: sniffing.tried,
    broken,
    unanswered,
    slowestMs: Math.round(slowestMs),
    grownMb,
    ok: broken.length === 0 && unanswered === 0 && slowestMs < HANG_MS && grownMb < 50,
  };
}

function millisecondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}

function tryOne(target: Target, random: Random): string | null {
  try {
    target.tryOne(random);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message).slice(0, 600) : String(error);
  }
}

/** A listener, connections with bytes that it has to make something of, and at the end whether it still answers. */
async function openSniffing() {
  const limits = {
    prefaceTimeoutMs: 200,
    headersTimeoutMs: 300,
    requestTimeoutMs: 400,
    keepAliveTimeoutMs: 100,
    pingIntervalMs: 300,
  };
  const listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    limits,
    handler: (req, res) => {
      req.on('error', () => {}).resume();
      (res as ServerResponse).end('ok');
    },
  });
  const open = new Set<Promise<unknown>>();
  const figures = { tried: 0, unanswered: 0 };
  const settle = async () => {
    await Promise.all(open);
    if (!(await answers(listener.url))) figures.unanswered += 1;
  };
  return {
    get tried() {
      return figures.tried;
    },
    get unanswered() {
      return figures.unanswered;
    },
    settle,
    async tryOne(random: Random) {
      figures.tried += 1;
      const talking = talk(listener.port, random);
      open.add(talking);
      void talking.finally(() => open.delete(talking));
      if (open.size >= AT_ONCE) await Promise.race(open);
      if (figures.tried % 500 === 0) await settle();
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

/** Whether it answers: who is slow to ask is cut off, and asks again. */
async function answers(url: string): Promise<boolean> {
  const end = performance.now() + ANSWER_MS;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
    if (answer?.ok) return true;
    if (performance.now() > end) return false;
    await pause(50);
  }
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const BEGINNINGS = [
  `${PREFACE}\0\0\0\u0004\0\0\0\0\0`,
  `${PREFACE}\0\0\0\u0004\0\0\0\0\0\0\0\u0004\u0001\u0005\0\0\0\u0001\u0082\u0084\u0086\u0041`,
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

/** Says something in one to three pieces, and stays until the other side has had enough. */
async function talk(port: number, random: Random): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  const closed = once(socket, 'close').catch(() => {});
  const bytes = random.chance(0.2) ? randomBytes(random, 100) : mutated(random, random.pick(BEGINNINGS));
  const cut = random.int(bytes.length + 1);
  socket.resume().write(bytes.subarray(0, cut));
  await turn();
  if (random.chance(0.5)) socket.end(bytes.subarray(cut));
  else socket.write(bytes.subarray(cut));
  await closed;
}

/** How much more memory is held in the last quarter than in the second. By then everything is warm. */
function openMemory() {
  const quarters: number[] = [0, 0, 0, 0];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  return {
    look(done: number) {
      const quarter = Math.min(3, Math.floor(done * 4));
      quarters[quarter] = quarters[quarter] === 0 ? held() : Math.min(quarters[quarter]!, held());
    },
    grownMb: () => Math.round(quarters[3]! - quarters[1]!),
  };
}

export const fuzzSoak: Soak<Size> = {
  name: 'fuzz',
  shows:
    'random and mutated bytes for listener, messages, URLs, cursors and topic: no crash, no hang, no growth of memory',
  options,
  deadlineMs: ({ cases }) => 120_000 + cases * 5,
  run: fuzz,
};
