/** Rows per segment. */
const SEGMENT = 4_096;

/**
 * Rows of `width` numbers each, in segments, so that growing copies nothing and a row costs no object. Row 0 is nobody's. A freed row is taken again,
 * and starts as zeros.
 */
export class Rows {
  readonly #width: number;
  readonly #segments: Float64Array[] = [];
  readonly #free: number[] = [];
  #end = 1;

  constructor(width: number) {
    this.#width = width;
    this.#segments.push(new Float64Array(SEGMENT * width));
  }

  /** Every row in use is below. */
  get end(): number {
    return this.#end;
  }

  take(): number {
    const row = this.#free.pop() ?? this.#end++;
    const segment = Math.floor(row / SEGMENT);
    this.#segments[segment] ??= new Float64Array(SEGMENT * this.#width);
    return row;
  }

  free(row: number): void {
    const at = (row % SEGMENT) * this.#width;
    this.#segments[Math.floor(row / SEGMENT)]!.fill(0, at, at + this.#width);
    this.#free.push(row);
  }

  get(row: number, field: number): number {
    return this.#segments[Math.floor(row / SEGMENT)]![(row % SEGMENT) * this.#width + field]!;
  }

  set(row: number, field: number, value: number): void {
    this.#segments[Math.floor(row / SEGMENT)]![(row % SEGMENT) * this.#width + field] = value;
  }
}
