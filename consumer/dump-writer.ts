import { open, rename, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Copy } from './copy.ts';
import { type Aside, HEAD_BYTES, MAGIC, type Meta, SECTION_BYTES, SECTIONS, VERSION } from './dump-format.ts';
import { CHUNK_SHIFT, ROW_BYTES } from './rows.ts';

/**
 * Writes a dump beside the path and puts it in its place when it is whole and on disk: whoever reads finds the old one or the new one. One
 * chunk at a time is copied, so the copy is held up for a millisecond and the memory does not grow.
 *
 * `isStillGood`: asked between chunks; if not, nothing is replaced. Returns whether the dump is in its place.
 */
export async function writeDump(
  path: string,
  copy: Copy,
  meta: () => Meta,
  isStillGood: () => boolean,
): Promise<boolean> {
  const unfinished = `${path}.${process.pid}.tmp`;
  const begun = meta();
  try {
    // The dump holds personal data: for its owner alone.
    await using file = await open(unfinished, 'w', 0o600);
    let sum = 0;
    const put = async (bytes: Uint8Array) => {
      sum = crc32(bytes, sum);
      await file.writev([bytes]);
    };
    const section = async (kind: number, bytes: Uint8Array) => {
      const head = Buffer.alloc(SECTION_BYTES);
      head.writeUInt32LE(kind);
      head.writeUInt32LE(bytes.length, 4);
      await put(head);
      if (bytes.length > 0) await put(bytes);
    };
    await put(headBytes());
    for (let i = 0; i < copy.rows.chunks.length; i++) {
      const { rows, aside } = chunkOf(copy, i);
      await section(SECTIONS.rows, rows);
      if (aside.length > 0) await section(SECTIONS.aside, Buffer.from(JSON.stringify(aside)));
      if (!isStillGood()) break;
    }
    // Names of regions are only ever added: the newest list fits all chunks.
    const { ids, statuses } = begun.feeds;
    const ended = meta().feeds;
    const feeds = { ids: { ...ids, reach: ended.ids.reach }, statuses: { ...statuses, reach: ended.statuses.reach } };
    await section(SECTIONS.meta, Buffer.from(JSON.stringify({ ...begun, feeds, regions: copy.regions.names })));
    const end = Buffer.alloc(4);
    end.writeUInt32LE(sum);
    await section(SECTIONS.end, end);
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  if (!isStillGood()) {
    await rm(unfinished, { force: true });
    return false;
  }
  await rename(unfinished, path);
  return true;
}

function headBytes(): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt32LE(VERSION, 8);
  head.writeUInt32LE(ROW_BYTES, 12);
  return head;
}

/** A copy of a chunk's rows and of what is kept aside for them, of one moment. */
function chunkOf({ rows, texts }: Copy, i: number): { rows: Uint8Array; aside: Aside[] } {
  const used = Math.min(rows.end - (i << CHUNK_SHIFT), 1 << CHUNK_SHIFT);
  const aside: Aside[] = [];
  for (const [row, one] of texts.aside) {
    if (row >> CHUNK_SHIFT === i) aside.push([row, { ...one, key: Buffer.from(one.key).toString('base64') }]);
  }
  return { rows: rows.chunks[i]!.bytes.slice(0, used * ROW_BYTES), aside };
}
