import { createServer } from 'node:net';

/** The system hands out the ports above these for outgoing connections, so that one of those may be gone again when it is wanted. */
const first = 20_000;
const count = 12_000;

/** A port of 127.0.0.1 on which nothing listens, for a process that is started later, or again and again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    if (await isFree(port)) return port;
  }
}

export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}
