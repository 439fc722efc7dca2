/** Numbers per page. */
const PAGE = 4_096;

/**
 * Rows by the numbers that the database gives out one after the other: a list in pages, four bytes for each number up to the greatest in use, which is less than
 * a map's for one in ten of them.
 */
export class Numbers {
  readonly #pages: (Int32Array | undefined)[] = [];
  /** Of those below 0. */
  readonly #below: (Int32Array | undefined)[] = [];
  #size = 0;

  /** How many numbers have a row. */
  get size(): number {
    return this.#size;
  }

  /** The row of a number; 0: it has none. */
  get(no: number): number {
    return no < 0 ? rowIn(this.#below, -no) : rowIn(this.#pages, no);
  }

  /** Sets the row of a number; 0: none. */
  set(no: number, row: number): void {
    const before = no < 0 ? putIn(this.#below, -no, row) : putIn(this.#pages, no, row);
    this.#size += Number(row !== 0) - Number(before !== 0);
  }
}

function rowIn(pages: readonly (Int32Array | undefined)[], no: number): number {
  return pages[Math.floor(no / PAGE)]?.[no % PAGE] ?? 0;
}

/** Returns the row before. */
function putIn(pages: (Int32Array | undefined)[], no: number, row: number): number {
  const at = Math.floor(no / PAGE);
  while (pages.length <= at) pages.push(undefined);
  pages[at] ??= new Int32Array(PAGE);
  const before = pages[at][no % PAGE]!;
  pages[at][no % PAGE] = row;
  return before;
}
