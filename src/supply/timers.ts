/** One moment per row, the earliest first: a binary heap that knows where each row stands. */
export class Timers {
  readonly #rows: number[] = [];
  readonly #at: number[] = [];
  /** Where a row stands in the heap, plus one; 0 or nothing: it has no moment. */
  readonly #place: number[] = [];

  /** Sets the moment of a row; infinity: none. */
  set(row: number, at: number): void {
    const place = this.#place[row] ?? 0;
    if (at === Number.POSITIVE_INFINITY) {
      if (place > 0) this.#remove(place - 1);
      return;
    }
    while (this.#place.length <= row) this.#place.push(0);
    if (place === 0) {
      this.#rows.push(row);
      this.#at.push(at);
      this.#place[row] = this.#rows.length;
      this.#up(this.#rows.length - 1);
      return;
    }
    const before = this.#at[place - 1]!;
    this.#at[place - 1] = at;
    if (at < before) this.#up(place - 1);
    else this.#down(place - 1);
  }

  /** Whether a row has a moment. */
  has(row: number): boolean {
    return (this.#place[row] ?? 0) > 0;
  }

  /** The earliest moment; infinity: there is none. */
  nextAt(): number {
    return this.#at[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the row of the earliest moment out. */
  pop(): number {
    const row = this.#rows[0]!;
    this.#remove(0);
    return row;
  }

  #remove(place: number): void {
    this.#place[this.#rows[place]!] = 0;
    const row = this.#rows.pop()!;
    const at = this.#at.pop()!;
    if (place === this.#rows.length) return;
    this.#put(place, row, at);
    this.#up(place);
    this.#down(this.#place[row]! - 1);
  }

  #up(from: number): void {
    const row = this.#rows[from]!;
    const at = this.#at[from]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#at[parent]! <= at) break;
      this.#put(place, this.#rows[parent]!, this.#at[parent]!);
      place = parent;
    }
    this.#put(place, row, at);
  }

  #down(from: number): void {
    const row = this.#rows[from]!;
    const at = this.#at[from]!;
    const { length } = this.#rows;
    let place = from;
    for (let child = 2 * place + 1; child < length; child = 2 * place + 1) {
      if (child + 1 < length && this.#at[child + 1]! < this.#at[child]!) child += 1;
      if (this.#at[child]! >= at) break;
      this.#put(place, this.#rows[child]!, this.#at[child]!);
      place = child;
    }
    this.#put(place, row, at);
  }

  #put(place: number, row: number, at: number): void {
    this.#rows[place] = row;
    this.#at[place] = at;
    this.#place[row] = place + 1;
  }
}
