import { setPriority } from 'node:os';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { openDriverCache } from '../../consumer/driver-cache.ts';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { until } from '../until.ts';
import { differs, idText, sessionText } from './record-text.ts';

/**
 * One real consumer of both feeds, with the library that ships, in a process of its own (started with `fork`). Argument: the server's URL. Sends
 * `{ following }` when its copy is whole; when asked, and when it has come as far as the service, it reads all pages of both lists and sends how its
 * copy compares with them. Ends when the parent goes.
 */
export type Comparison = {
  /** Records of both feeds that the service has. */
  records: number;
  /** Those that the copy has otherwise or not at all, and those that it alone has. */
  differing: number;
  /** Buckets whose digest once differed from the service's. */
  mismatches: number;
};

const [url = ''] = process.argv.slice(2);
const PAGE = 10_000;
const PATIENCE_MS = 60_000;

setPriority(10); // it stands for another machine: it must not take the server's turn
const cache = await openDriverCache({ endpoints: [url] });
const service: Client<typeof IncrementalUpdatesService> = createClient(
  IncrementalUpdatesService,
  createGrpcTransport({ baseUrl: url }),
);

/** What the service has of one kind, a text per key, and how far that reaches. */
async function listed(kind: 'ids' | 'statuses'): Promise<{ texts: Map<string, string>; through: number }> {
  const texts = new Map<string, string>();
  for (let cursor = new Uint8Array(); ; ) {
    const request = { cursor, limit: PAGE };
    const page = kind === 'ids' ? await service.listIdUpdates(request) : await service.listStatusUpdates(request);
    const records = 'ids' in page ? page.ids.map(idText) : page.statuses.map(sessionText);
    for (const { key, text } of records) {
      if (text === null) texts.delete(key);
      else texts.set(key, text);
    }
    if (!page.hasMore) return { texts, through: Number(page.throughSeq) };
    cursor = new Uint8Array(page.cursor);
  }
}

async function compare(): Promise<Comparison> {
  const [ids, statuses] = [await listed('ids'), await listed('statuses')];
  const hasCome = () => {
    const { ids_through_seq = 0, statuses_through_seq = 0 } = cache.metrics();
    return ids_through_seq >= ids.through && statuses_through_seq >= statuses.through;
  };
  await until(hasCome, { everyMs: 20, signal: AbortSignal.timeout(PATIENCE_MS) });
  const { ids_mismatches_total = 0, statuses_mismatches_total = 0 } = cache.metrics();
  return {
    records: ids.texts.size + statuses.texts.size,
    differing: differs(cache, ids.texts, statuses.texts),
    mismatches: ids_mismatches_total + statuses_mismatches_total,
  };
}

process.on('message', () => void compare().then((comparison) => process.send?.(comparison)));
process.on('disconnect', () => process.exit());
await cache.ready();
process.send?.({ following: 1 });
