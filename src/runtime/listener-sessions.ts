import type { Http2Server, ServerHttp2Session } from 'node:http2';

/** Knows the HTTP/2 sessions of a server: pings them, and tells them to go when it stops. */
export type SessionTracker = {
  /** Refuses new streams, lets the open ones end, then ends each session. */
  drain(): void;
};

/** A session that has not answered one ping when the next is due is dead: a peer that vanished sends no reset. */
export function trackSessions(server: Http2Server, pingIntervalMs: number): SessionTracker {
  const sessions = new Set<ServerHttp2Session>();
  const unanswered = new Set<ServerHttp2Session>();
  let draining = false;
  const pingAll = () => {
    for (const session of sessions) {
      if (session.destroyed) continue; // still among them until its socket has closed, and asking it throws
      if (unanswered.has(session)) session.destroy();
      else if (!session.closed && session.ping(() => unanswered.delete(session))) unanswered.add(session);
    }
  };
  const timer = setInterval(pingAll, pingIntervalMs).unref();

  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => {
      sessions.delete(session);
      unanswered.delete(session);
      if (draining && sessions.size === 0) clearInterval(timer);
    });
  });
  // A broken session closes itself; there is nobody else to tell.
  server.on('sessionError', () => {});

  return {
    drain() {
      draining = true;
      if (sessions.size === 0) clearInterval(timer);
      for (const session of sessions) session.close();
    },
  };
}
