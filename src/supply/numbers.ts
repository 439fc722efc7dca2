/** Numbers per page. */
const PAGE = 4_096;

/**
 * Rows by the numbers that the database gives out one after the other: a list in pages, four bytes for each number up to the greatest in use, which is less than
 * a map's for one in ten of them.
 */
export class Numbers {
  readonly #pages: (Int32Array | undefined)[] = [];
  #size = 0;

  /** How many numbers have a row. */
  get size(): number {
    return this.#size;
  }

  /** The row of a number; 0: it has none. */
  get(no: number): number {
    return this.#pages[Math.floor(no / PAGE)]?.[no % PAGE] ?? 0;
  }

  /** Sets the row of a number, at least 0; 0: none. */
  set(no: number, row: number): void {
    const at = Math.floor(no / PAGE);
    while (this.#pages.length <= at) this.#pages.push(undefined);
    this.#pages[at] ??= new Int32Array(PAGE);
    const page = this.#pages[at];
    const before = page[no % PAGE]!;
    this.#size += Number(row !== 0) - Number(before !== 0);
    page[no % PAGE] = row;
  }
}
