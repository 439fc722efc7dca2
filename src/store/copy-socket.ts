import { Socket } from 'node:net';

/** While `lends` is set, chunks are valid until whoever hears them returns. */
export type CopySocket = Socket & { lends: boolean };

const CHUNK_BYTES = 128 * 1024; // as much as is read at once; the processor's cache holds it while it is taken apart

/**
 * A socket that reads everything into the same memory. A usual one makes a new chunk for each reading, and the hundreds of megabytes of a copy cost the
 * garbage collector and the system more than reading them. What is heard otherwise, by the driver, is given in chunks of its own.
 */
export function openCopySocket(): CopySocket {
  const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const callback = (size: number) => {
    const chunk = memory.subarray(0, size);
    socket.emit('data', socket.lends ? chunk : Buffer.from(chunk));
    return true;
  };
  const socket = Object.assign(new Socket({ onread: { buffer: memory, callback } }), { lends: false });
  return socket;
}
