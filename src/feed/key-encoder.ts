import { murmur3, SEED_HI, SEED_LO } from './key-hash.ts';
import { openWriter, reserve, writeField } from './wire.ts';

/** One key at a time, as its hash and as its bytes on the wire. What it gives is valid until the next `set`. */
export type KeyEncoder = {
  set(parkId: string, driverId: string): void;
  readonly lo: number;
  readonly hi: number;
  /** Fields 1 and 2 of either record. */
  field(): Uint8Array;
};

export function openKeyEncoder(): KeyEncoder {
  let key = Buffer.alloc(256);
  let lo = 0;
  let hi = 0;
  let parkBytes = 0;
  let keyBytes = 0;
  const writer = openWriter(256);
  return {
    set(parkId, driverId) {
      const most = (parkId.length + driverId.length) * 3 + 1;
      if (most > key.length) key = Buffer.alloc(most);
      parkBytes = key.write(parkId, 0, 'utf8');
      key[parkBytes] = 0;
      keyBytes = parkBytes + 1 + key.write(driverId, parkBytes + 1, 'utf8');
      lo = murmur3(key, 0, keyBytes, SEED_LO);
      hi = murmur3(key, 0, keyBytes, SEED_HI);
    },
    get lo() {
      return lo;
    },
    get hi() {
      return hi;
    },
    field() {
      writer.at = 0;
      reserve(writer, keyBytes + 16);
      writeField(writer, 1, key.subarray(0, parkBytes));
      writeField(writer, 2, key.subarray(parkBytes + 1, keyBytes));
      return writer.bytes.subarray(0, writer.at);
    },
  };
}
