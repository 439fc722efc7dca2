import { murmur3, SEED_HI, SEED_LO } from './key-hash.ts';
import { openWriter, reserve, type Writer, writeBytes, writeVarint } from './wire.ts';

/** One key at a time, as its hash and as its bytes on the wire. What it gives is valid until the next `set`. */
export type KeyEncoder = {
  set(parkId: string, driverId: string): void;
  readonly lo: number;
  readonly hi: number;
  /** Fields 1 and 2 of either record: the bytes of the writer up to where it is. */
  field(): Readonly<Writer>;
};

export function openKeyEncoder(): KeyEncoder {
  let key = Buffer.alloc(256);
  let lo = 0;
  let hi = 0;
  let parkBytes = 0;
  let keyBytes = 0;
  const writer = openWriter(256);
  const writePart = (field: number, start: number, length: number) => {
    writer.bytes[writer.at++] = (field << 3) | 2;
    writeVarint(writer, length);
    writeBytes(writer, key, start, length);
  };
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
      writePart(1, 0, parkBytes);
      writePart(2, parkBytes + 1, keyBytes - parkBytes - 1);
      return writer;
    },
  };
}
