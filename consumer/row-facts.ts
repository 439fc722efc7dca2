import { type Phase, phaseOf } from '../verdict/judge-facts.ts';
import {
  BINDING_STATES,
  type BindingState,
  type Facts,
  SESSION_STATUSES,
  type SessionStatus,
} from '../verdict/verdict.ts';
import { type Copy, IN_ID, IN_PERSON } from './copy.ts';
import { isOverAt } from './ends.ts';
import { bitsOf, regionIn, rowOf, shareIn } from './key-index.ts';
import { CHUNK_ROWS, F64, ROW_BYTES } from './rows.ts';

/** What is known of one row at a time, as verdicts are made of it. Each fact is read when it is asked for: most of them lie in the index, and most checks need few. */
export class RowFacts implements Facts {
  parkId = '';
  readonly #copy: Copy;
  #entry = 0;
  #bits = 0;

  constructor(copy: Copy) {
    this.#copy = copy;
  }

  /** Turns to an entry of the index. False: no such profile is known. */
  turnTo(entry: number, parkId: string): boolean {
    if (entry === -1) return false;
    this.parkId = parkId;
    this.#entry = entry;
    this.#bits = bitsOf(this.#copy.index.table[entry + 3]!);
    return (this.#bits & IN_ID) !== 0;
  }

  get hasPerson(): boolean {
    return (this.#bits & IN_PERSON) !== 0;
  }

  get person(): string {
    const row = this.#row;
    return this.#copy.texts.idPerson(row, this.#copy.rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES);
  }

  /** Reckoned once for each version of the records. */
  get share(): number {
    const { index, texts, rows } = this.#copy;
    const kept = shareIn(index.table[this.#entry + 4]!);
    if (kept !== -1) return kept;
    const row = this.#row;
    const share = texts.share(row, rows.chunk(row), (row & (CHUNK_ROWS - 1)) * ROW_BYTES);
    index.setShare(this.#entry, share);
    return share;
  }

  get binding(): BindingState {
    return BINDING_STATES[(this.#bits >> 2) & 3]!;
  }

  get bindingUpdatedAt(): number | null {
    return this.#time(F64.idUpdated);
  }

  get session(): SessionStatus | null {
    return SESSION_STATUSES[this.#bits >> 4] ?? null;
  }

  get sessionUpdatedAt(): number | null {
    return this.session === null ? null : this.#time(F64.sessionUpdated);
  }

  get sessionEndedAt(): number | null {
    return this.session === null ? null : this.#time(F64.ended);
  }

  get region(): string {
    if (this.session === null) return '';
    return this.#copy.regions.nameOf(regionIn(this.#copy.index.table[this.#entry + 4]!));
  }

  /** By the index alone, unless a border is so near that the second in it is not exact enough. */
  phase(now: number, endsSoonMs: number): Phase {
    const ends = this.#copy.index.table[this.#entry + 2]!;
    const isOver = isOverAt(ends, Math.floor(now / 1_000));
    if (isOver === true) return 'over';
    const isEnding = endsSoonMs === 0 ? false : isOverAt(ends, Math.floor((now + endsSoonMs) / 1_000));
    if (isOver === false && isEnding !== undefined && isEnding !== null) return isEnding ? 'ending' : 'running';
    return phaseOf(this.sessionEndedAt, now, endsSoonMs);
  }

  get #row(): number {
    return rowOf(this.#copy.index.table[this.#entry + 3]!);
  }

  #time(field: number): number | null {
    const row = this.#row;
    const micros = this.#copy.rows.chunk(row).f64[(row & (CHUNK_ROWS - 1)) * (ROW_BYTES / 8) + field]!;
    return Number.isNaN(micros) ? null : Math.floor(micros / 1_000);
  }
}
