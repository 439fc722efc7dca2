import { openWriter, reserve, writeField } from './wire.ts';

/** Names of regions by small numbers, in the order in which they were first seen. 0 is "never judged". */
export type RegionNames = {
  numberOf(name: string): number;
  nameOf(number: number): string;
  /** The name as field 9 of a status record; empty for 0. */
  fieldOf(number: number): Uint8Array;
};

export function openRegionNames(): RegionNames {
  const names = [''];
  const fields = [new Uint8Array(0)];
  const numbers = new Map([['', 0]]);
  return {
    numberOf(name) {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      const text = Buffer.from(name);
      const writer = openWriter(0);
      reserve(writer, text.length + 8);
      writeField(writer, 9, text);
      numbers.set(name, names.length);
      names.push(name);
      fields.push(writer.bytes.slice(0, writer.at));
      return names.length - 1;
    },
    nameOf: (number) => names[number] ?? '',
    fieldOf: (number) => fields[number]!,
  };
}
