import type { TextInPlace } from '../store/image.ts';
import { hashKey, newLanes } from './key-hash.ts';
import { copyBytes, copyText, viewOf } from './text-in-place.ts';
import { varintSize, type Writer } from './wire.ts';

/** One key at a time, as its hash and as its bytes on the wire. What it gives is valid until the next `set`. */
export type KeyEncoder = {
  set(parkId: string, driverId: string): void;
  setInPlace(parkId: TextInPlace, driverId: TextInPlace): void;
  readonly lo: number;
  readonly hi: number;
  /** Writes fields 1 and 2 of either record, of `fieldSize` bytes, for which there is room from `at` on. */
  writeField(to: DataView, at: number): void;
  readonly fieldSize: number;
  /** The same: the bytes of the writer up to where it is. */
  field(): Readonly<Writer>;
};

export function openKeyEncoder(): KeyEncoder {
  let key = Buffer.alloc(256);
  let view = viewOf(key);
  const lanes = newLanes();
  let parkBytes = 0;
  let keyBytes = 0;
  let field = Buffer.alloc(256);
  let fieldView = viewOf(field);
  const makeRoom = (size: number) => {
    if (size <= key.length) return;
    key = Buffer.alloc(size);
    view = viewOf(key);
  };
  const end = (park: number, driver: number) => {
    view.setUint8(park, 0);
    parkBytes = park;
    keyBytes = park + 1 + driver;
    hashKey(view, 0, keyBytes, lanes);
  };
  return {
    set(parkId, driverId) {
      makeRoom((parkId.length + driverId.length) * 3 + 1);
      const park = key.write(parkId, 0, 'utf8');
      end(park, key.write(driverId, park + 1, 'utf8'));
    },
    setInPlace(parkId, driverId) {
      makeRoom(parkId.length + driverId.length + 1);
      copyText(parkId, view, 0);
      copyText(driverId, view, parkId.length + 1);
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
    writeField(to, at) {
      const next = writePart(to, at, 1, view, 0, parkBytes);
      writePart(to, next, 2, view, parkBytes + 1, keyBytes - parkBytes - 1);
    },
    field() {
      const size = this.fieldSize;
      if (size > field.length) {
        field = Buffer.alloc(size);
        fieldView = viewOf(field);
      }
      this.writeField(fieldView, 0);
      return { bytes: field, at: size };
    },
  };
}

/** Writes one field with a part of the key, and returns where it ends. */
function writePart(to: DataView, at: number, field: number, key: DataView, start: number, length: number): number {
  let next = at;
  to.setUint8(next++, (field << 3) | 2);
  let rest = length;
  for (; rest > 127; rest >>>= 7) to.setUint8(next++, (rest & 127) | 128);
  to.setUint8(next++, rest);
  copyBytes(key, start, to, next, length);
  return next + length;
}
