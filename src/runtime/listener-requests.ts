import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHandler } from './listener.ts';

/** Knows which HTTP/1.1 connections have a request in hand, so that a stop ends the idle ones at once and the others after it. */
export type RequestTracker = {
  /** `handler`, counted. */
  handler: RequestHandler;
  /** A connection that speaks HTTP/1.1. */
  add(socket: Socket): void;
  /** From now on answers say that the connection ends with them. */
  sayClose(): void;
  /** From now on a connection ends when it has nothing in hand. */
  drain(): void;
};

export function trackRequests(handler: RequestHandler): RequestTracker {
  const inHand = new Map<Socket, number>();
  let closing = false;
  let draining = false;
  const endIfIdle = (socket: Socket) => {
    if (draining && inHand.get(socket) === 0) socket.destroySoon();
  };
  return {
    handler(req, res) {
      const { socket } = req as IncomingMessage;
      inHand.set(socket, (inHand.get(socket) ?? 0) + 1);
      res.once('close', () => {
        const count = inHand.get(socket);
        if (count === undefined) return;
        inHand.set(socket, count - 1);
        endIfIdle(socket);
      });
      if (closing && res instanceof ServerResponse) res.setHeader('connection', 'close');
      handler(req, res);
    },
    add(socket) {
      inHand.set(socket, 0);
      socket.once('close', () => inHand.delete(socket));
    },
    sayClose() {
      closing = true;
    },
    drain() {
      closing = true;
      draining = true;
      for (const socket of inHand.keys()) endIfIdle(socket);
    },
  };
}
