import { digestItem, keyHash, murmur3 } from '../support/feed/murmur.ts';

const TEXTS = [
  '',
  'a',
  'ab',
  'abc',
  'abcd',
  'Hello, world!',
  'The quick brown fox jumps over the lazy dog',
  'водитель 🚕',
];
const SEEDS = [0, 1, 0x9747b28c, 0xffffffff];

const KEYS = [
  { park_id: '', driver_id: '' },
  { park_id: 'p', driver_id: 'd' },
  { park_id: 'ab', driver_id: 'c' },
  { park_id: 'a', driver_id: 'bc' },
  { park_id: '7ad36bc7560449998acbe2c57a75c293', driver_id: 'ee5e9cb3ab8c4a7f9f4b4b9c2b3d1a01' },
  { park_id: 'парк', driver_id: 'водитель' },
  { park_id: 'park-🚕', driver_id: 'véra' },
];
/** Written as text: the last of them are beyond what a double of 32 bits, or a careless cast, holds. */
const SEQS = ['1', '4294967295', '4294967296', '9007199254740991'];

const hex = (value: number | bigint, digits: number) => value.toString(16).padStart(digits, '0');

/** What every implementation of the hash and of the digest's item must give. Numbers are unsigned and in hex. */
export function vectors() {
  return {
    murmur3_x86_32: TEXTS.flatMap((text) =>
      SEEDS.map((seed) => ({ text, seed: hex(seed, 8), hash: hex(murmur3(Buffer.from(text), seed), 8) })),
    ),
    records: KEYS.flatMap((key) => {
      const [lo, hi] = keyHash(key.park_id, key.driver_id);
      return SEQS.map((seq) => ({
        ...key,
        seq,
        lo: hex(lo, 8),
        hi: hex(hi, 8),
        bucket: lo & 255,
        item: hex(digestItem(lo, hi, BigInt(seq)), 16),
      }));
    }),
  };
}
