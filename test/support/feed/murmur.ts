/** MurmurHash3_x86_32, written plainly from its public description and not shared with the service: the tests' judge of digests. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rotated = (value: number, by: number) => (value << by) | (value >>> (32 - by));
  const scrambled = (k: number) => Math.imul(rotated(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
  const words = bytes.length >> 2;
  let h = seed;
  for (let i = 0; i < words; i++) {
    h = rotated(h ^ scrambled(view.getUint32(i * 4, true)), 13);
    h = Math.imul(h, 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= words * 4; i--) rest = rest * 256 + bytes[i]!;
  h ^= scrambled(rest) ^ bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const SEEDS = [0, 0x9747b28c] as const;

/** Both lanes of a key's hash. */
export function keyHash(parkId: string, driverId: string): [lo: number, hi: number] {
  const key = Buffer.from(`${parkId}\0${driverId}`);
  return [murmur3(key, SEEDS[0]), murmur3(key, SEEDS[1])];
}

/** The 64-bit item of one version of a record. */
export function digestItem(lo: number, hi: number, seq: bigint): bigint {
  const version = Buffer.alloc(16);
  version.writeUInt32LE(lo, 0);
  version.writeUInt32LE(hi, 4);
  version.writeBigUInt64LE(seq, 8);
  return BigInt(murmur3(version, SEEDS[0])) | (BigInt(murmur3(version, SEEDS[1])) << 32n);
}

const known = new Map<string, { bucket: number; item: bigint }>();

/** Versions come again in digest after digest: each is worked out once. */
function version(parkId: string, driverId: string, seq: bigint): { bucket: number; item: bigint } {
  const name = `${parkId}/${driverId}/${seq}`;
  const found = known.get(name);
  if (found) return found;
  const [lo, hi] = keyHash(parkId, driverId);
  const made = { bucket: lo & 255, item: digestItem(lo, hi, seq) };
  known.set(name, made);
  return made;
}

/** The digest of a whole copy, as the contract shows it. */
export function digestOf(records: Iterable<{ parkId: string; driverId: string; seq: bigint }>) {
  const sums = Buffer.alloc(2_048);
  const counts = Buffer.alloc(1_024);
  for (const { parkId, driverId, seq } of records) {
    const { bucket, item } = version(parkId, driverId, seq);
    const sum = sums.readBigUInt64LE(bucket * 8) + item;
    sums.writeBigUInt64LE(BigInt.asUintN(64, sum), bucket * 8);
    counts.writeUInt32LE(counts.readUInt32LE(bucket * 4) + 1, bucket * 4);
  }
  return { sums: sums.toString('hex'), counts: counts.toString('hex') };
}
