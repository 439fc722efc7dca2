/**
 * Bytes that do not fit into their slot, stored one after the other and never moved or freed: for values that never change once set.
 * An address is two 32-bit words.
 */
export type Arena = {
  put(bytes: Uint8Array): { chunk: number; at: number };
  get(chunk: number, at: number): Uint8Array;
};

const CHUNK_BYTES = 1 << 20;

export function openArena(): Arena {
  const chunks: Buffer[] = [];
  let used = CHUNK_BYTES;
  return {
    put(bytes) {
      const size = bytes.length + 4;
      if (used + size > CHUNK_BYTES) {
        chunks.push(Buffer.alloc(Math.max(CHUNK_BYTES, size)));
        used = 0;
      }
      const chunk = chunks.length - 1;
      const at = used;
      chunks[chunk]!.writeUInt32LE(bytes.length, at);
      chunks[chunk]!.set(bytes, at + 4);
      used += size;
      return { chunk, at };
    },
    get(chunk, at) {
      const bytes = chunks[chunk]!;
      return bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at));
    },
  };
}
