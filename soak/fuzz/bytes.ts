import type { Random } from '../../simulator/random.ts';

/** Random bytes, up to `most` of them. */
export function randomBytes(random: Random, most: number): Buffer {
  const bytes = Buffer.alloc(random.int(most + 1));
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.int(256);
  return bytes;
}

/** A good input with a few things done to it: bits flipped, parts cut out, doubled, or overwritten by what parsers stumble over. */
export function mutated(random: Random, good: Uint8Array): Buffer {
  let bytes = Buffer.from(good);
  for (let times = 1 + random.int(4); times > 0; times--) {
    const at = random.int(bytes.length + 1);
    const length = random.int(Math.min(16, bytes.length - at) + 1);
    switch (random.int(5)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random.int(8);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), random.pick(NASTY), bytes.subarray(at)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random, 8), bytes.subarray(at + length)]);
    }
  }
  return bytes;
}

const NASTY = [
  '\0',
  '\r\n',
  '\r\n\r\n',
  '%',
  '%00',
  '%ff',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  'null',
  '-0',
  '1e999',
  '__proto__',
  'constructor',
  '&',
  '=',
  '+',
  '0',
  '18446744073709551616',
  '9223372036854775808',
  '0001-01-01T00:00:00Z',
  '10000-01-01T00:00:00Z',
  'Ж',
  '😀',
]
  .map((text) => Buffer.from(text))
  .concat([Buffer.alloc(9, 0xff), Buffer.from([0x80]), Buffer.from([0xc0, 0x80]), Buffer.from([0x0b, 0x0c])]);
