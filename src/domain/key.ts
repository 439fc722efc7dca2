/** Half of a profile's key, as every part of the service takes it in: 1 to 64 bytes of UTF-8, all printable. */
export function isKey(value: unknown): value is string {
  return isPrintable(value, 64);
}

/** A text of 1 to `maxBytes` bytes of UTF-8 without control, format, private or unassigned characters, line breaks or half surrogates. */
export function isPrintable(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxBytes) return false;
  if (/^[\x20-\x7e]*$/.test(value)) return true;
  return Buffer.byteLength(value) <= maxBytes && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value);
}
