import type { TextInPlace } from '../store/image.ts';
import { hashKey, newLanes } from './key-hash.ts';
import { copyText } from './text-in-place.ts';
import { openWriter, reserve, varintSize, type Writer, writeBytes, writeVarint } from './wire.ts';

/** One key at a time, as its hash and as its bytes on the wire. What it gives is valid until the next `set`. */
export type KeyEncoder = {
  set(parkId: string, driverId: string): void;
  setInPlace(parkId: TextInPlace, driverId: TextInPlace): void;
  readonly lo: number;
  readonly hi: number;
  /** Writes fields 1 and 2 of either record, of `fieldSize` bytes, for which there is room. */
  writeField(to: Writer): void;
  readonly fieldSize: number;
  /** The same: the bytes of the writer up to where it is. */
  field(): Readonly<Writer>;
};

export function openKeyEncoder(): KeyEncoder {
  let key = Buffer.alloc(256);
  const lanes = newLanes();
  let parkBytes = 0;
  let keyBytes = 0;
  const writer = openWriter(256);
  const makeRoom = (size: number) => {
    if (size > key.length) key = Buffer.alloc(size);
  };
  const end = (park: number, driver: number) => {
    key[park] = 0;
    parkBytes = park;
    keyBytes = park + 1 + driver;
    hashKey(key, 0, keyBytes, lanes);
  };
  return {
    set(parkId, driverId) {
      makeRoom((parkId.length + driverId.length) * 3 + 1);
      const park = key.write(parkId, 0, 'utf8');
      end(park, key.write(driverId, park + 1, 'utf8'));
    },
    setInPlace(parkId, driverId) {
      makeRoom(parkId.length + driverId.length + 1);
      copyText(parkId, key, 0);
      copyText(driverId, key, parkId.length + 1);
      end(parkId.length, driverId.length);
    },
    get lo() {
      return lanes.lo;
    },
    get hi() {
      return lanes.hi;
    },
    get fieldSize() {
      return keyBytes - 1 + 2 + varintSize(parkBytes) + varintSize(keyBytes - parkBytes - 1);
    },
    writeField(to) {
      writePart(to, 1, key, 0, parkBytes);
      writePart(to, 2, key, parkBytes + 1, keyBytes - parkBytes - 1);
    },
    field() {
      writer.at = 0;
      reserve(writer, keyBytes + 16);
      this.writeField(writer);
      return writer;
    },
  };
}

function writePart(writer: Writer, field: number, key: Uint8Array, start: number, length: number): void {
  writer.bytes[writer.at++] = (field << 3) | 2;
  writeVarint(writer, length);
  writeBytes(writer, key, start, length);
}
