/** Drivers as they are named in the real world: 32 hexadecimal digits for park, driver and person. The same number is the same driver. */
export type BenchDriver = { parkId: string; driverId: string };

const PARKS = 4_000;
const SEEDS = { park: 11, driver: 22, person: 33 } as const;
const HEX = Buffer.from('0123456789abcdef');

export function driverOf(no: number): BenchDriver {
  const text = Buffer.alloc(64);
  writeToken(text, 0, SEEDS.park, no % PARKS);
  writeToken(text, 32, SEEDS.driver, no);
  return { parkId: text.toString('latin1', 0, 32), driverId: text.toString('latin1', 32) };
}

export function personOf(no: number): string {
  const text = Buffer.alloc(32);
  writeToken(text, 0, SEEDS.person, no);
  return text.toString('latin1');
}

/** 32 digits from a number, by plain arithmetic: what makes the records must leave nothing behind in memory. */
function writeToken(into: Uint8Array, at: number, seed: number, no: number): void {
  let h = Math.imul(no ^ Math.imul(seed, 0x85ebca6b), 0x9e3779b1);
  for (let word = 0; word < 4; word++) {
    h = Math.imul(h ^ (h >>> 15) ^ (no + word), 0x2c1b3c6d);
    h ^= h >>> 12;
    for (let digit = 0; digit < 8; digit++) into[at + word * 8 + digit] = HEX[(h >>> (digit * 4)) & 15]!;
  }
}

/** Records of both feeds as they go over the wire, written into one buffer that is used again and again. */
export class RecordWriter {
  readonly bytes = Buffer.alloc(512);
  length = 0;

  id(no: number): void {
    this.#begin(no);
    this.#number(4, 1);
    this.#text(5, String(1_000_000 + no));
    this.#time(6, 1_750_000_000 + (no % 1_000_000), 123_456_000);
    this.#number(7, no);
    this.#number(9, 2);
  }

  session(no: number): void {
    this.#begin(no);
    this.#number(4, 2);
    this.#time(6, 1_750_000_000 + (no % 1_000_000), 123_456_000);
    this.#time(7, 2_000_000_000 + (no % 40_000), 0);
    this.#number(8, 1);
    this.#text(9, 'moscow');
    this.#number(10, no);
  }

  #begin(no: number): void {
    this.length = 0;
    this.#token(1, SEEDS.park, no % PARKS);
    this.#token(2, SEEDS.driver, no);
    this.#token(3, SEEDS.person, no);
  }

  #token(field: number, seed: number, no: number): void {
    this.bytes[this.length++] = (field << 3) | 2;
    this.bytes[this.length++] = 32;
    writeToken(this.bytes, this.length, seed, no);
    this.length += 32;
  }

  #text(field: number, text: string): void {
    this.bytes[this.length++] = (field << 3) | 2;
    this.bytes[this.length++] = text.length;
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  #time(field: number, seconds: number, nanos: number): void {
    this.bytes[this.length++] = (field << 3) | 2;
    const lengthAt = this.length++;
    this.#number(1, seconds);
    if (nanos > 0) this.#number(2, nanos);
    this.bytes[lengthAt] = this.length - lengthAt - 1;
  }

  #number(field: number, value: number): void {
    this.bytes[this.length++] = field << 3;
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest % 128) + 128;
    this.bytes[this.length++] = rest;
  }
}
