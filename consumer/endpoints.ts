import type { ClientSessionOptions, SecureClientSessionOptions } from 'node:http2';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type FeedClient, openFeedView } from './feed-view.ts';

export type Connection = {
  /** The token of who uses the cache, asked for whenever a stream is opened; it should come from memory. */
  token?: () => string | Promise<string>;
  /** What else goes with every call. */
  interceptors?: readonly Interceptor[];
  /** For instance certificates. */
  http2?: ClientSessionOptions | SecureClientSessionOptions;
};

/** Streams over a network need more than the 64 KiB that HTTP/2 begins with. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** The instances of the service. Each gets one connection, opened when it is first used. */
export class Endpoints {
  readonly urls: readonly string[];
  /** Where to begin, at random: so that many who start at once are spread. */
  readonly first: number;
  readonly #view = openFeedView();
  readonly #connection: Connection;
  readonly #clients = new Map<string, { client: FeedClient; session: Http2SessionManager }>();

  constructor(urls: readonly string[], connection: Connection = {}) {
    if (urls.length === 0) throw new TypeError('endpoints: name one at least');
    for (const url of urls) if (!URL.canParse(url)) throw new TypeError('endpoints: every one must be a URL');
    this.urls = [...urls];
    this.#connection = connection;
    this.first = Math.floor(Math.random() * urls.length);
  }

  /** The client of an endpoint; any number means one. */
  at(turn: number): FeedClient {
    const baseUrl = this.urls[turn % this.urls.length]!;
    const known = this.#clients.get(baseUrl);
    if (known) return known.client;
    const { token, interceptors = [], http2 = {} } = this.#connection;
    const settings = { initialWindowSize: WINDOW_BYTES, ...http2.settings };
    const session = new Http2SessionManager(baseUrl, {}, { ...http2, settings });
    const transport = createGrpcTransport({
      baseUrl,
      acceptCompression: [],
      sessionManager: session,
      interceptors: [...(token ? [bearing(token)] : []), ...interceptors],
    });
    const client = createClient(this.#view, transport) as unknown as FeedClient;
    this.#clients.set(baseUrl, { client, session });
    return client;
  }

  close(): void {
    for (const { session } of this.#clients.values()) session.abort();
    this.#clients.clear();
  }
}

function bearing(token: () => string | Promise<string>): Interceptor {
  return (next) => async (req) => {
    req.header.set('authorization', `Bearer ${await token()}`);
    return next(req);
  };
}
