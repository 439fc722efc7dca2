import { createServer } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { type Frame, openFeedView, type Page } from '../../consumer/feed-view.ts';

export type Kind = 'ids' | 'statuses';

/** What a stream does: frames, one after the other, and then how it ends. `beats`: it gives the last frame again and again. */
export type Script = { frames: readonly Frame[]; end?: 'stays' | 'beats' | 'breaks' | 'cursor refused' };

const BEAT_MS = 5;

export type FakeService = AsyncDisposable & {
  readonly url: string;
  /** What the streams of each kind will do, in turn; the last goes on for ever. */
  readonly scripts: Record<Kind, Script[]>;
  /** The cursors that streams of ids came with. */
  readonly cursors: string[];
  /** What a bucket holds, page by page. */
  readonly pages: Page[];
};

export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/**
 * A service that does what it is told, over a real HTTP/2 port: it speaks through the library's view of the contract, so that it can send what no
 * service would.
 */
export async function openFakeService(): Promise<FakeService> {
  const scripts: Record<Kind, Script[]> = { ids: [], statuses: [] };
  const cursors: string[] = [];
  const pages: Page[] = [];
  async function* play(kind: Kind, cursor: Uint8Array, signal: AbortSignal): AsyncGenerator<{ frame: Frame }> {
    if (kind === 'ids') cursors.push(Buffer.from(cursor).toString());
    const { frames, end = 'stays' } = (scripts[kind].length > 1 ? scripts[kind].shift() : scripts[kind][0]) ?? {
      frames: [],
    };
    if (end === 'cursor refused') throw new ConnectError('no such cursor', Code.InvalidArgument);
    for (const frame of frames) yield { frame };
    if (end === 'breaks') throw new ConnectError('bye', Code.Unavailable);
    while (end === 'beats') {
      await pause(BEAT_MS, undefined, { signal });
      yield { frame: frames.at(-1)! };
    }
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }
  type Call = { cursor: Uint8Array };
  type Context = { signal: AbortSignal };
  const service = {
    watchIds: ({ cursor }: Call, { signal }: Context) => play('ids', cursor, signal),
    watchStatuses: ({ cursor }: Call, { signal }: Context) => play('statuses', cursor, signal),
    listIdUpdates: () => {
      const { records, ...page } = pages.shift() ?? {
        records: [],
        cursor: new Uint8Array(),
        hasMore: false,
        throughSeq: 0n,
      };
      return { ...page, ids: records };
    },
    listStatusUpdates: () => ({}),
  };
  const handler = connectNodeAdapter({
    routes: (router) => router.service(openFeedView(), service as unknown as Partial<ServiceImpl<never>>),
  });
  const server = createServer(handler);
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    scripts,
    cursors,
    pages,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}
