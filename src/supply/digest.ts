/** A hash of 52 bits over whole numbers and words, 1 to 2^52, the same in every process. */
export class Digest {
  #a = 0x811c9dc5;
  #b = 0x01234567;

  /** A whole number of any size, or one that is none: those are all alike. */
  number(value: number): void {
    const whole = Number.isFinite(value) ? value : -1;
    this.#mix((whole % 2 ** 32) | 0);
    this.#mix(Math.floor(whole / 2 ** 32) | 0);
  }

  /** One of few words. */
  word(word: string): void {
    this.#mix(hashOf(word));
  }

  get value(): number {
    return (finish(this.#a) & 0xfffff) * 2 ** 32 + (finish(this.#b) >>> 0) + 1;
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b ^ value, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const known = new Map<string, number>();

function hashOf(word: string): number {
  let hash = known.get(word);
  if (hash !== undefined) return hash;
  hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  known.set(word, hash);
  return hash;
}
