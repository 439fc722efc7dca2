/** Encoded bytes by what they were made of, the least recently used dropped first once there are more than `maxBytes`. */
export type ChunkCache = {
  get(key: object): Uint8Array | undefined;
  put(key: object, bytes: Uint8Array): void;
};

export function openChunkCache(maxBytes: number): ChunkCache {
  const chunks = new Map<object, Uint8Array>(); // in order of use
  let size = 0;
  return {
    get(key) {
      const bytes = chunks.get(key);
      if (bytes === undefined) return undefined;
      chunks.delete(key);
      chunks.set(key, bytes);
      return bytes;
    },
    put(key, bytes) {
      chunks.set(key, bytes);
      size += bytes.length;
      for (const [oldest, { length }] of chunks) {
        if (size <= maxBytes || oldest === key) break;
        chunks.delete(oldest);
        size -= length;
      }
    },
  };
}
