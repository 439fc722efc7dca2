/** A row of a COPY: `bytes` from `from` up to `to`. Valid until it returns. */
export type TakeRow = (bytes: Buffer, from: number, to: number) => void;

export type CopyMessages = {
  /**
   * Reads on. Null while the copy goes on; else what follows it in this chunk, which is somebody else's to read. Of a chunk whose bytes are used again
   * afterwards nothing is kept.
   */
  read(chunk: Buffer): Buffer | null;
};

const COPY_DATA = 0x64; // d
const COPY_OUT_RESPONSE = 0x48; // H
const COPY_DONE = 0x63; // c
const ERROR_RESPONSE = 0x45; // E
const HEAD_BYTES = 5; // of a message: its kind and its length, which does not count the kind
const NOTHING = Buffer.alloc(0);

/**
 * The messages of a copy out of PostgreSQL, in chunks that are cut anywhere: rows go to `take` where they lie (one message each, so says the
 * protocol), all that is no part of a copy goes to `others` as whole messages. It ends with the copy, or with an error.
 */
export function openCopyMessages(take: TakeRow, others: (message: Buffer) => void): CopyMessages {
  /** The beginning of a message whose end has not come yet. */
  let rest: Buffer = NOTHING;

  /** Takes one message. False if the copy has come to its end with it. */
  const message = (bytes: Buffer, from: number, to: number): boolean => {
    const kind = bytes[from];
    if (kind === COPY_DATA) take(bytes, from + HEAD_BYTES, to);
    else if (kind !== COPY_OUT_RESPONSE && kind !== COPY_DONE) others(bytes.subarray(from, to));
    return kind !== COPY_DONE && kind !== ERROR_RESPONSE;
  };

  /** Puts up to `missing` bytes to what is kept; returns how many. */
  const add = (chunk: Buffer, from: number, missing: number): number => {
    if (missing <= 0) return 0;
    const part = chunk.subarray(from, from + missing);
    rest = Buffer.concat([rest, part]);
    return part.length;
  };

  return {
    read(chunk) {
      let from = 0;
      if (rest.length > 0) {
        from += add(chunk, 0, HEAD_BYTES - rest.length);
        if (rest.length < HEAD_BYTES) return null;
        const size = 1 + rest.readInt32BE(1);
        from += add(chunk, from, size - rest.length);
        if (rest.length < size) return null;
        const whole = rest;
        rest = NOTHING;
        if (!message(whole, 0, size)) return chunk.subarray(from);
      }
      while (from + HEAD_BYTES <= chunk.length) {
        const to = from + 1 + chunk.readInt32BE(from + 1);
        if (to > chunk.length) break;
        if (!message(chunk, from, to)) return chunk.subarray(to);
        from = to;
      }
      rest = from === chunk.length ? NOTHING : Buffer.from(chunk.subarray(from));
      return null;
    },
  };
}
