/** Regions as small numbers; 0 is the empty name. Names are only ever added. */
export class RegionNames {
  #names: string[] = [''];
  readonly #numbers = new Map<string, number>([['', 0]]);
  #last: { bytes: Uint8Array; number: number } = { bytes: new Uint8Array(), number: 0 };

  get names(): readonly string[] {
    return this.#names;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? '';
  }

  /** The number of a name inside a message. Most records name the region that the one before it named. */
  numberIn(bytes: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    const last = this.#last;
    if (last.bytes.length === length) {
      let i = 0;
      while (i < length && last.bytes[i] === bytes[at + i]) i++;
      if (i === length) return last.number;
    }
    const copied = bytes.slice(at, at + length);
    const number = this.numberOf(Buffer.from(copied).toString('utf8'));
    this.#last = { bytes: copied, number };
    return number;
  }

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    if (number > 0xffff) throw new RangeError('more than 65,535 regions');
    this.#names.push(name);
    this.#numbers.set(name, number);
    return number;
  }

  /** Takes over the names of a dump. */
  adopt(names: readonly string[]): void {
    this.#names = [...names];
    this.#numbers.clear();
    for (const [number, name] of names.entries()) this.#numbers.set(name, number);
    this.#last = { bytes: new Uint8Array(), number: 0 };
  }
}
