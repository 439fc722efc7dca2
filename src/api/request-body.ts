import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { HttpRequest } from '../runtime/listener.ts';
import { refuse } from './errors.ts';

export type BodyLimits = {
  /** As it comes, and once more after decompression. */
  maxBytes: number;
  /** From the first call to the last byte. */
  timeoutMs: number;
};

/**
 * The whole body of a request. Refuses one that is too large, too slow or cut off; what follows of a body that is too large is read
 * and thrown away, so that the client gets to see the answer.
 */
export function readBody(req: HttpRequest, { maxBytes, timeoutMs }: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      act();
    };
    const fail = (message: string) => settle(() => reject(refuse('REQUEST_MALFORMED', { message })));
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) return void chunks.push(chunk);
      settle(() => reject(tooLarge(maxBytes)));
      req.on('error', () => {}).resume();
    };
    const onEnd = () => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onClose = () => fail('The body was cut off');
    const timer = setTimeout(() => {
      fail('The body took too long');
      req.on('error', () => {}).resume();
    }, timeoutMs);
    req.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
  });
}

const inflate = promisify(gunzip);

/** Unpacks gzip. Refuses what is not gzip or becomes too large. */
export async function inflateBody(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(maxBytes);
    throw refuse('REQUEST_MALFORMED', { message: 'The body is not gzip' });
  }
}

function tooLarge(maxBytes: number) {
  return refuse('LIMIT_OUT_OF_RANGE', { message: `A request has at most ${maxBytes} bytes` });
}
