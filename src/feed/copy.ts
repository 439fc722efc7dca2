import type { StreamKind } from '../domain/cursor.ts';
import type { Tail } from '../store/feed.ts';
import type { BeforeChange, Image } from './image.ts';
import { openBySeq, release } from './sort-by-seq.ts';
import { Stream } from './stream.ts';

/** The database's state in this process, and both streams over it. Replaced as a whole when the tail cannot go on from it. */
export type Copy = {
  /** 32 hex digits, and as cursors name it. */
  readonly epoch: string;
  readonly cursorEpoch: string;
  readonly image: Image;
  readonly streams: Readonly<Record<StreamKind, Stream>>;
  /** The newest commit it holds. */
  head: number;
  /** Tombstones up to this number may be gone. */
  floor: number;
};

export const KINDS = ['ids', 'statuses'] as const satisfies readonly StreamKind[];

/** Puts a loaded image, complete up to the commit `head`, in order. */
export function buildCopy(image: Image, { epoch, head, floor }: Pick<Copy, 'epoch' | 'head' | 'floor'>): Copy {
  const cursorEpoch = epoch.slice(0, 16);
  const scratch = [openBySeq(image.profiles.end), openBySeq(image.profiles.end)] as const;
  const stream = (kind: StreamKind) => new Stream(kind, image, cursorEpoch, head, scratch);
  const streams = { ids: stream('ids'), statuses: stream('statuses') };
  scratch.forEach(release);
  return { epoch, cursorEpoch, image, streams, head, floor };
}

/** Takes in what a tail brought, all at once for whoever reads. The tail continues from `copy.head`. */
export function applyTail(copy: Copy, tail: Tail): void {
  const head = tail.commits.at(-1)?.seq ?? copy.head;
  const touched: Record<StreamKind, Set<number>> = { ids: new Set(), statuses: new Set() };
  putRows(copy.image, tail, head, (kind, no) => {
    if (touched[kind].has(no)) return;
    touched[kind].add(no);
    copy.streams[kind].withdraw(no);
  });
  copy.head = head;
  copy.floor = tail.floor;
  for (const kind of KINDS) copy.streams[kind].publish(touched[kind], head, tail.commits.length > 1);
}

/** Puts a tail's rows up to the commit `head` into an image. Later ones come again with their own commit. */
export function putRows(
  image: Image,
  { profiles, bindings, sessions }: Tail,
  head: number,
  before?: BeforeChange,
): void {
  for (const row of profiles) if (row.seq <= head) image.putProfile(row, before);
  for (const row of bindings) if (row.seq <= head) image.putBinding(row, before);
  for (const row of sessions) if (row.seq <= head) image.putSession(row, before);
}
