import { createServer, type Server } from 'node:net';

/**
 * The system hands out the ports above these to outgoing connections and to whoever listens on any: one of those may be gone again when the process
 * that it was chosen for binds it, or binds it once more after a restart.
 */
const FIRST = 10_000;
const COUNT = 10_000;

const given = new Set<number>();

/** A port of 127.0.0.1 on which nothing listens, for a process that is started later, or again and again. No two of a process are the same. */
export async function freePort(first = FIRST, count = COUNT): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

export async function isFree(port: number): Promise<boolean> {
  const probe = await listenOn(port).catch(() => null);
  if (probe) await new Promise((resolve) => probe.close(resolve));
  return probe !== null;
}

/** Listens on 127.0.0.1. Rejects if the port is taken. */
function listenOn(port: number): Promise<Server> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => resolve(probe));
  });
}
