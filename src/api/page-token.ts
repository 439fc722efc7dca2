import { refuse } from './errors.ts';

/** A place in a list, as callers carry it from page to page: opaque to them. */
export function encodePageToken(position: number): string {
  return Buffer.from(`p${position}`).toString('base64url');
}

/** The place that a token names; `first` for the empty one. Refused if it is not one of ours. */
export function decodePageToken(token: string, first: number): number {
  if (token === '') return first;
  const digits = /^p(\d{1,16})$/.exec(token.length <= 32 ? Buffer.from(token, 'base64url').toString('latin1') : '');
  const position = Number(digits?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(position)) throw refuse('CURSOR_MALFORMED');
  return position;
}

const DEFAULT_SIZE = 100;
const MAX_SIZE = 1_000;

/** How many entries a page has, of what was asked for; 0 asks for the usual. */
export function pageSize(asked: number): number {
  if (asked > MAX_SIZE) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'page_size', description: `at most ${MAX_SIZE}` }] });
  }
  return asked || DEFAULT_SIZE;
}
