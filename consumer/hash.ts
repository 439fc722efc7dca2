/**
 * The hash of a key and of a version, as the contract words it (`Digest` in incremental_updates.proto): two lanes of MurmurHash3_x86_32 over
 * park_id, a zero byte and driver_id. Lanes are signed 32-bit integers here, which V8 keeps unboxed.
 */
export const SEED_LO = 0;
export const SEED_HI = 0x9747b28c | 0;

const C1 = 0xcc9e2d51 | 0;
const C2 = 0x1b873593;

if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) throw new Error('driver-cache needs a little-endian machine');

/** One key at a time, as bytes and as its hash; valid until the next call. */
export class Key {
  bytes = new Uint8Array(256);
  length = 0;
  parkLength = 0;
  lo = 0;
  hi = 0;
  #words = new Int32Array(this.bytes.buffer);

  /** Takes a key from strings. Characters beyond ASCII cost more. */
  set(parkId: string, driverId: string): void {
    this.#reserve((parkId.length + driverId.length) * 3 + 1);
    const { bytes } = this;
    const parks = parkId.length;
    const drivers = driverId.length;
    let seen = 0;
    for (let i = 0; i < parks; i++) {
      const c = parkId.charCodeAt(i);
      seen |= c;
      bytes[i] = c;
    }
    bytes[parks] = 0;
    for (let i = 0; i < drivers; i++) {
      const c = driverId.charCodeAt(i);
      seen |= c;
      bytes[parks + 1 + i] = c;
    }
    this.parkLength = parks;
    this.length = parks + 1 + drivers;
    if (seen > 127) this.#setEncoded(parkId, driverId);
    this.#hash();
  }

  /** Takes the hash alone of a key: enough to find it by, and quicker for keys as they usually are. */
  setHash(parkId: string, driverId: string): void {
    const parks = parkId.length;
    const drivers = driverId.length;
    if ((parks & 3) !== 0 || drivers < 3) {
      this.set(parkId, driverId);
      return;
    }
    let seen = 0;
    let lo = SEED_LO;
    let hi = SEED_HI;
    // The word that holds the zero byte begins with it: after it, the driver's characters come in fours again.
    for (let i = 0; i <= parks; i += 4) {
      const isLast = i === parks;
      const c0 = isLast ? 0 : parkId.charCodeAt(i);
      const c1 = isLast ? driverId.charCodeAt(0) : parkId.charCodeAt(i + 1);
      const c2 = isLast ? driverId.charCodeAt(1) : parkId.charCodeAt(i + 2);
      const c3 = isLast ? driverId.charCodeAt(2) : parkId.charCodeAt(i + 3);
      seen |= c0 | c1 | c2 | c3;
      const k = scramble(c0 | (c1 << 8) | (c2 << 16) | (c3 << 24));
      lo = step(lo ^ k);
      hi = step(hi ^ k);
    }
    let i = 3;
    for (; i + 4 <= drivers; i += 4) {
      const c0 = driverId.charCodeAt(i);
      const c1 = driverId.charCodeAt(i + 1);
      const c2 = driverId.charCodeAt(i + 2);
      const c3 = driverId.charCodeAt(i + 3);
      seen |= c0 | c1 | c2 | c3;
      const k = scramble(c0 | (c1 << 8) | (c2 << 16) | (c3 << 24));
      lo = step(lo ^ k);
      hi = step(hi ^ k);
    }
    if (i < drivers) {
      let rest = 0;
      for (let j = drivers - 1; j >= i; j--) {
        seen |= driverId.charCodeAt(j);
        rest = (rest << 8) | driverId.charCodeAt(j);
      }
      const k = scramble(rest);
      lo ^= k;
      hi ^= k;
    }
    if (seen > 127) {
      this.set(parkId, driverId);
      return;
    }
    this.lo = finish(lo, parks + 1 + drivers);
    this.hi = finish(hi, parks + 1 + drivers);
  }

  /** Takes a key from its two parts inside a message. */
  take(from: Uint8Array, park: number, parkLength: number, driver: number, driverLength: number): void {
    this.#reserve(parkLength + driverLength + 1);
    const { bytes } = this;
    for (let i = 0; i < parkLength; i++) bytes[i] = from[park + i]!;
    bytes[parkLength] = 0;
    const start = parkLength + 1;
    for (let i = 0; i < driverLength; i++) bytes[start + i] = from[driver + i]!;
    this.parkLength = parkLength;
    this.length = start + driverLength;
    this.#hash();
  }

  /** The key as strings. */
  text(): { parkId: string; driverId: string } {
    const buffer = Buffer.from(this.bytes.buffer, 0, this.length);
    return {
      parkId: buffer.toString('utf8', 0, this.parkLength),
      driverId: buffer.toString('utf8', this.parkLength + 1),
    };
  }

  #setEncoded(parkId: string, driverId: string): void {
    const buffer = Buffer.from(this.bytes.buffer);
    this.parkLength = buffer.write(parkId, 0, 'utf8');
    buffer[this.parkLength] = 0;
    this.length = this.parkLength + 1 + buffer.write(driverId, this.parkLength + 1, 'utf8');
  }

  #reserve(length: number): void {
    if (length <= this.bytes.length) return;
    this.bytes = new Uint8Array((length + 511) & ~255);
    this.#words = new Int32Array(this.bytes.buffer);
  }

  /** Both lanes in one pass. */
  #hash(): void {
    const words = this.#words;
    const { bytes, length } = this;
    const whole = length >>> 2;
    let lo = SEED_LO;
    let hi = SEED_HI;
    for (let i = 0; i < whole; i++) {
      const k = scramble(words[i]!);
      lo = step(lo ^ k);
      hi = step(hi ^ k);
    }
    const rest = length & 3;
    if (rest !== 0) {
      const at = whole << 2;
      let k = bytes[at]!;
      if (rest > 1) k |= bytes[at + 1]! << 8;
      if (rest > 2) k |= bytes[at + 2]! << 16;
      const scrambled = scramble(k);
      lo ^= scrambled;
      hi ^= scrambled;
    }
    this.lo = finish(lo, length);
    this.hi = finish(hi, length);
  }
}

/** One lane of a version's item: the hash of key lanes and seq. */
export function itemLane(lo: number, hi: number, seqLow: number, seqHigh: number, seed: number): number {
  return finish(mix(mix(mix(mix(seed, lo), hi), seqLow), seqHigh), 16);
}

function mix(h: number, word: number): number {
  return step(h ^ scramble(word));
}

function step(h: number): number {
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(word: number): number {
  const k = Math.imul(word, C1);
  return Math.imul((k << 15) | (k >>> 17), C2);
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
