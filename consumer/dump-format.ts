import type { Kind } from './copy.ts';
import type { Texts } from './row-texts.ts';

/**
 * A dump: a head, sections, and a last section with a checksum over all bytes before it.
 *
 *   head     8 B magic, u32 version, u32 bytes of a row
 *   section  u32 kind, u32 length, its bytes
 *     1 ROWS  rows as they are in memory, one chunk
 *     2 ASIDE the texts of that chunk's rows that are kept aside, JSON
 *     3 META  what the rows mean, JSON
 *     4 END   crc32 of everything before this section
 *
 * Chunks are written one after the other while the copy goes on: a later one may be newer. The cursors are those of the beginning, so what
 * was missed comes again.
 */
export const MAGIC = Buffer.from('DTCACHE\n');
export const VERSION = 2;
export const HEAD_BYTES = 16;
export const SECTION_BYTES = 8;
export const SECTIONS = { rows: 1, aside: 2, meta: 3, end: 4 } as const;

export type Meta = {
  /** Whose data it is: the configured source, or the endpoints. */
  source: string;
  /** ms since 1970 of which both feeds are exact, and no earlier. */
  exactAtMs: number;
  regions: readonly string[];
  /** deptrans.v1.PolicyInForce in base64; absent or empty: none had come. */
  policy?: string;
  /** Where to go on, and up to which seq rows may be ahead of that. */
  feeds: Readonly<Record<Kind, { epoch: string; cursor: string; position: number; reach: number }>>;
};

/** Row and texts; bytes in base64. */
export type Aside = readonly [row: number, texts: Omit<Texts, 'key'> & { key: string }];
