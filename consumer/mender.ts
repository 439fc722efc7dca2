import type { Copy } from './copy.ts';
import type { Feed } from './feed.ts';
import type { FeedClient, Page } from './feed-view.ts';
import { CHUNK_ROWS } from './rows.ts';

export type MenderOptions = {
  copy: Copy;
  /** The client through which a feed is followed now. */
  clientOf(feed: Feed): FeedClient;
  signal: AbortSignal;
};

const PAGE = 5_000;
const PAGE_TIMEOUT_MS = 10_000;

/**
 * Loads single buckets anew: what the service has is taken if it is newer, what it does not have is dropped if it is not. One at a time.
 * If it cannot be asked, nothing has happened, and the next heartbeat shows the difference again.
 */
export class Mender {
  failures = 0;
  readonly #options: MenderOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: MenderOptions) {
    this.#options = options;
  }

  mend(feed: Feed, bucket: number): void {
    const { generation } = feed;
    this.#last = this.#last.then(async () => {
      const through = await this.#load(feed, bucket, generation).catch(() => {
        this.failures += 1;
        return null;
      });
      if (feed.generation === generation) feed.mended(bucket, through);
    });
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#last;
  }

  async #load(feed: Feed, bucket: number, generation: number): Promise<number | null> {
    const { copy, signal } = this.#options;
    const came = new Set<number>();
    for (let cursor: Uint8Array = new Uint8Array(); ; ) {
      if (signal.aborted || feed.generation !== generation) return null;
      const page = await this.#ask(feed, bucket, cursor);
      if (signal.aborted || feed.generation !== generation) return null;
      for (const bytes of page.records) {
        const row = copy.put(feed.kind, bytes, 0, bytes.length);
        if (row !== 0 && !copy.reader.deleted) came.add(row);
      }
      const through = Number(page.throughSeq);
      if (!page.hasMore) {
        this.#dropOthers(feed, bucket, came, through);
        return through;
      }
      cursor = page.cursor;
    }
  }

  async #ask(feed: Feed, bucket: number, cursor: Uint8Array): Promise<Page> {
    const client = this.#options.clientOf(feed);
    const { signal } = this.#options;
    const request = { cursor, limit: PAGE, bucket };
    const options = { signal, timeoutMs: PAGE_TIMEOUT_MS };
    if (feed.kind === 'ids') {
      const { ids, ...page } = await client.listIdUpdates(request, options);
      return { ...page, records: ids };
    }
    const { statuses, ...page } = await client.listStatusUpdates(request, options);
    return { ...page, records: statuses };
  }

  #dropOthers({ kind }: Feed, bucket: number, came: ReadonlySet<number>, through: number): void {
    const { copy } = this.#options;
    for (let row = 1; row < copy.rows.end; row++) {
      const { buckets, marks } = copy.rows.chunk(row);
      const index = row & (CHUNK_ROWS - 1);
      if (buckets[index] !== bucket || marks[index] === 0 || came.has(row)) continue;
      if (copy.has(kind, row) && copy.seq(kind, row) <= through) copy.drop(kind, row);
    }
  }
}
