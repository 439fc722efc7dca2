import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { ListenerLimits } from './listener.ts';

/** Knows the HTTP/2 sessions of a server: pings them, ends the idle ones, and tells all to go when it stops. */
export type SessionTracker = {
  /** Refuses new streams, lets the open ones end, then ends each session. */
  drain(): void;
};

/** To one ping. */
const LOOKS = 4;

type Known = { streams: number; idleLooks: number; unanswered: boolean };

/**
 * A session that has not answered one ping when the next is due is dead: a peer that vanished sends no reset. One that has asked nothing for
 * `idleTimeoutMs` is told to go; it answers pings and costs memory for nothing.
 *
 * When the next is due is counted in looks and not in time: however long this process stood still itself, that is one look, and between two
 * looks it reads what has come. Else it would end everybody whose answer lies unread.
 */
export function trackSessions(
  server: Http2Server,
  { pingIntervalMs, idleTimeoutMs }: Pick<ListenerLimits, 'pingIntervalMs' | 'idleTimeoutMs'>,
): SessionTracker {
  const sessions = new Map<ServerHttp2Session, Known>();
  const idleLooks = Math.ceil(idleTimeoutMs / pingIntervalMs);
  let draining = false;
  const dead: ServerHttp2Session[] = [];
  // One in each turn of the event loop: a session with hundreds of streams is work, and many may die at once.
  const bury = () => {
    dead.pop()?.destroy();
    if (dead.length > 0) setImmediate(bury);
  };
  let looks = 0;
  const look = () => {
    looks = (looks + 1) % LOOKS;
    if (looks > 0) return;
    for (const [session, known] of sessions) {
      if (session.destroyed) continue; // still among them until its socket has closed, and asking it throws
      if (known.unanswered && dead.push(session) === 1) setImmediate(bury);
      if (known.unanswered) continue;
      if (known.streams > 0) known.idleLooks = 0;
      else if (++known.idleLooks > idleLooks) session.close();
      if (session.destroyed || session.closed) continue;
      known.unanswered = session.ping(() => {
        known.unanswered = false;
      });
    }
  };
  const timer = setInterval(look, pingIntervalMs / LOOKS).unref();

  server.on('session', (session) => {
    const known: Known = { streams: 0, idleLooks: 0, unanswered: false };
    sessions.set(session, known);
    session.on('stream', (stream) => {
      known.streams += 1;
      known.idleLooks = 0;
      stream.once('close', () => {
        known.streams -= 1;
      });
    });
    session.once('close', () => {
      sessions.delete(session);
      if (draining && sessions.size === 0) clearInterval(timer);
    });
  });
  // A broken session closes itself; there is nobody else to tell.
  server.on('sessionError', () => {});

  return {
    drain() {
      draining = true;
      if (sessions.size === 0) clearInterval(timer);
      for (const session of sessions.keys()) session.close();
    },
  };
}
