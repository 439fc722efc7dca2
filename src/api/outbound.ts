import type { ServerResponse } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { HttpResponse } from '../runtime/listener.ts';

/**
 * Writes a response as its handler made it. Resolves when it has been written, or the caller has left; then the body is told to return.
 *
 * A part of the body is asked for when the one before it has been taken, so a caller who reads slowly is held one part. Listeners are added only where
 * somebody has to be waited for: the library's own adapter adds and removes three with each part.
 */
export async function writeResponse(response: UniversalServerResponse, to: HttpResponse): Promise<void> {
  // Both kinds of responses have these methods; only the compiler sees two.
  const res = to as ServerResponse;
  const caller = { hasLeft: false };
  const left = new Promise<void>((resolve) => {
    res.once('close', () => {
      caller.hasLeft = true;
      resolve();
    });
  });
  await Promise.race([write(response, res, caller), left]);
}

async function write(
  { status, header, body, trailer }: UniversalServerResponse,
  res: ServerResponse,
  caller: { readonly hasLeft: boolean },
): Promise<void> {
  const parts = body?.[Symbol.asyncIterator]();
  try {
    // Headers go with the first part: until then the handler may set some.
    let part = await parts?.next();
    if (caller.hasLeft) return;
    res.writeHead(status, plain(header));
    for (; part && !part.done; part = await parts!.next()) {
      if (caller.hasLeft) return;
      if (!res.write(part.value)) await drained(res, caller);
    }
    if (caller.hasLeft) return;
    if (trailer) res.addTrailers(plain(trailer));
    res.end();
  } finally {
    await parts?.return?.();
  }
}

/** Resolves when the caller has taken what was written, or has left. */
function drained(res: ServerResponse, caller: { readonly hasLeft: boolean }): Promise<void> {
  if (caller.hasLeft) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.on('drain', done);
    res.on('close', done);
  });
}

const plain = (headers = new Headers()): Record<string, string> => Object.fromEntries(headers);
