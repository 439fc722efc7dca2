/** Numbers for words that come again and again, so that rows can hold them. The empty word is 0. */
export class Words {
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #names = [''];

  numberOf(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    this.#numbers.set(word, this.#names.length);
    return this.#names.push(word) - 1;
  }

  nameOf(number: number): string {
    return this.#names[number]!;
  }
}
