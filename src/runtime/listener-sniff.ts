import type { Socket } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/**
 * Reads from a new connection until its bytes are, or cannot become, the HTTP/2 client preface, puts them back and calls `decided` with
 * the socket paused. A connection that ends or takes longer than `timeoutMs` is destroyed and `decided` is never called.
 *
 * Bytes are put back once, after listening has stopped: putting a partial preface back and waiting for more would spin.
 */
export function sniffProtocol(socket: Socket, timeoutMs: number, decided: (protocol: 'http1' | 'http2') => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const giveUp = () => socket.destroy();
  const timer = setTimeout(giveUp, timeoutMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', giveUp);
    socket.off('close', stop);
  };
  const onData = (chunk: Buffer) => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const known = Math.min(seen.length, PREFACE.length);
    const fits = seen.compare(PREFACE, 0, known, 0, known) === 0;
    if (fits && known < PREFACE.length) return;
    stop();
    socket.pause();
    socket.unshift(seen);
    decided(fits ? 'http2' : 'http1');
  };
  socket.on('data', onData);
  socket.once('end', giveUp);
  socket.once('close', stop);
}
