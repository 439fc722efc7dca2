import { BadCall } from '../http/exchange.ts';
import type { Handler, HttpCall } from '../http/serve.ts';
import type { RevisionLog } from './revision-log.ts';
import { type Switches, switched } from './switches.ts';

const maxLimit = 10_000;

/**
 * An incremental neighbour (driver-profiles, driver-categories-api): `GET path?last_known_revision=&limit=` with the rows under `field`.
 * A revision that is forgotten gets HTTP 410 `{code: "REVISION_FORGOTTEN"}`: load everything again, without a revision.
 * Lies: `repeats` gives each row twice, `wrongTypes` and `emptyIds` add a broken row to a page, `stuck` says has_more and never moves,
 * `backwards` gives half of each revision, so that it goes back and never comes to the end, `html`.
 */
export function openUpdates<Row extends { park_id: string }>(
  log: RevisionLog<Row>,
  { path, field, switches }: { path: string; field: string; switches: Switches },
): Handler {
  return switched(switches, (call) => {
    if (call.path !== path || call.method !== 'GET') throw new BadCall(404, 'NOT_FOUND', 'no such call');
    const revision = readRevision(call);
    const page = log.after(revision, readLimit(call));
    if (!page) throw new BadCall(410, 'REVISION_FORGOTTEN', 'load everything again');
    if (switches.lie === 'stuck')
      return Promise.resolve({ [field]: [], last_known_revision: writeRevision(revision), has_more: true });
    return Promise.resolve({
      [field]: bend(page.rows, switches),
      last_known_revision: writeRevision(switches.lie === 'backwards' ? Math.floor(page.revision / 2) : page.revision),
      has_more: page.hasMore,
    });
  });
}

function bend<Row extends { park_id: string }>(rows: Row[], { lie }: Switches): unknown[] {
  const first = rows[0];
  if (lie === 'repeats') return rows.flatMap((row) => [row, row]);
  if (lie === 'wrongTypes' && first) return [...rows, { ...first, park_id: 42 }];
  if (lie === 'emptyIds' && first) return [...rows, { ...first, park_id: '' }];
  return rows;
}

function readRevision({ query }: HttpCall): number {
  const text = query.get('last_known_revision') ?? '';
  if (text === '') return 0;
  const revision = /^rev-(\d{1,15})$/.exec(text)?.[1];
  if (revision === undefined) throw new BadCall(400, 'BAD_REQUEST', 'not a revision of ours');
  return Number(revision);
}

/** A revision is opaque to its holder, so it does not look like a number. */
function writeRevision(revision: number): string {
  return `rev-${revision}`;
}

function readLimit({ query }: HttpCall): number {
  const text = query.get('limit') ?? '1000';
  const limit = Number(text);
  if (!/^\d{1,6}$/.test(text) || limit < 1 || limit > maxLimit)
    throw new BadCall(400, 'BAD_REQUEST', `limit must be 1 to ${maxLimit}`);
  return limit;
}
