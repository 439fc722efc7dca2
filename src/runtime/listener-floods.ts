import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { ListenerLimits } from './listener.ts';

const LOOK_MS = 100;
/** A second: what counts anew. Looked at ten times, so that a flood is not worked off for the rest of it. */
const LOOKS_A_WINDOW = 10;
/** Of frames that carry no request: answers to pings and settings, window updates. A snapshot of a gigabyte a second needs 400 KB of them. */
const BYTES_A_WINDOW = 1024 * 1024;
/** As long as the body of a request may come, its bytes cannot be told from others. */
const BYTES_WITH_BODIES = 128 * 1024 * 1024;

type Watched = {
  /** PING and SETTINGS in this window. */
  control: number;
  /** Requests begun in this window; those whose body may still come, and whether there was one in this window. */
  begun: number;
  receiving: number;
  received: boolean;
  /** Bytes read before this window. */
  bytes: number;
};

/**
 * Ends HTTP/2 sessions that make work without asking for anything: more PING and SETTINGS frames a second than `maxControlFrames`, or more
 * bytes than requests of that number can be made of (WINDOW_UPDATE, PRIORITY, CONTINUATION, frames nobody knows). Resets, invalid frames and
 * unanswered acknowledgements have limits in the protocol's library.
 */
export function endFloods(
  server: Http2Server,
  limits: Pick<ListenerLimits, 'maxControlFrames' | 'maxHeaderBytes'>,
  flooded: () => void,
): { stop(): void } {
  const sessions = new Map<ServerHttp2Session, Watched>();
  const end = (session: ServerHttp2Session) => {
    if (session.destroyed) return;
    sessions.delete(session);
    flooded();
    session.destroy();
  };
  let looks = 0;
  const look = () => {
    looks = (looks + 1) % LOOKS_A_WINDOW;
    for (const [session, watched] of sessions) {
      if (session.destroyed) continue;
      const bytes = session.socket.bytesRead - watched.bytes;
      const allowed = watched.received ? BYTES_WITH_BODIES : BYTES_A_WINDOW;
      if (bytes > allowed + watched.begun * limits.maxHeaderBytes) end(session);
      if (looks > 0) continue;
      watched.bytes += bytes;
      watched.control = 0;
      watched.begun = 0;
      watched.received = watched.receiving > 0;
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();

  server.on('session', (session) => {
    const watched: Watched = { control: 0, begun: 0, receiving: 0, received: false, bytes: 0 };
    sessions.set(session, watched);
    session.once('close', () => sessions.delete(session));
    const count = () => {
      watched.control += 1;
      if (watched.control > limits.maxControlFrames) end(session);
    };
    session.on('ping', count);
    session.on('remoteSettings', count);
    session.on('stream', (stream) => {
      watched.begun += 1;
      if (stream.endAfterHeaders) return;
      watched.receiving += 1;
      watched.received = true;
      let done = false;
      const received = () => {
        if (!done) watched.receiving -= 1;
        done = true;
      };
      stream.once('end', received);
      stream.once('close', received);
    });
  });
  return { stop: () => clearInterval(timer) };
}
