import { inspect } from 'node:util';

/**
 * A value that must not be read by people: a licence number, a token, a password. It shows itself as `***` to logs, JSON, templates and
 * inspectors; only `reveal()` gives the value, and a search for that word finds every place where one leaves.
 */
export class Masked<Kind extends string> {
  declare readonly kind: Kind;
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}
