import { z } from 'zod';
import { isPrintable } from '../domain/key.ts';
import { CallFailed } from './call-failed.ts';
import type { Http } from './http.ts';

/** A page of what changed at a neighbour since a revision. */
export type UpdatesPage<Row> = {
  /** In the neighbour's order: of several rows of one profile the last counts. */
  rows: Row[];
  /** Rows left out because they cannot be understood. */
  unreadable: number;
  /** The neighbour's own word for the position behind this page; never empty. */
  revision: string;
  hasMore: boolean;
};

/** `'forgotten'`: the neighbour does not know the revision any more, everything must be read again. */
export type Updates<Row> = UpdatesPage<Row> | 'forgotten';

export type ReadUpdates<Row> = (revision: string | null, limit: number, signal: AbortSignal) => Promise<Updates<Row>>;

/** More rows in one page than anybody was asked for. */
const maxRows = 20_000;
const maxRevisionBytes = 1_000;

const forgottenStatus = 410;

/**
 * Reads pages of an incremental neighbour: `GET path?last_known_revision=&limit=`, rows under `field`. A row that `parseRow` does not
 * understand is counted and left out, for one bad row must not hold up the others; an envelope that is not as agreed is a `CallFailed`.
 */
export function updatesReader<Row>(
  http: Http,
  { call, path, field, parseRow }: { call: string; path: string; field: string; parseRow(row: unknown): Row | null },
): ReadUpdates<Row> {
  const envelope = z.object({
    [field]: z.array(z.unknown()).max(maxRows),
    last_known_revision: z.string().refine((text) => isPrintable(text, maxRevisionBytes)),
    has_more: z.boolean(),
  });
  return async (revision, limit, signal) => {
    const query = new URLSearchParams({ last_known_revision: revision ?? '', limit: String(limit) });
    let answer: unknown;
    try {
      answer = await http.getJson(call, `${path}?${query}`, signal);
    } catch (error) {
      if (error instanceof CallFailed && error.status === forgottenStatus && error.peerCode === 'REVISION_FORGOTTEN') {
        return 'forgotten';
      }
      throw error;
    }
    const parsed = envelope.safeParse(answer);
    if (!parsed.success) throw new CallFailed(call, { code: 'UNEXPECTED' });
    const { last_known_revision: next, has_more: hasMore } = parsed.data as {
      last_known_revision: string;
      has_more: boolean;
    };
    const given = parsed.data[field] as unknown[];
    const rows = given.map(parseRow).filter((row) => row !== null);
    return { rows, unreadable: given.length - rows.length, revision: next, hasMore };
  };
}
