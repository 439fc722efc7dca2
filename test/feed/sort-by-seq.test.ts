import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openBySeq, sortBySeq } from '../../src/feed/sort-by-seq.ts';

test('numbers are put in the order of their seq, equal ones as they came', () => {
  const seq = fc.oneof(fc.nat(50), fc.maxSafeNat(), fc.constantFrom(65_535, 65_536, 2 ** 32, 2 ** 48));
  fc.assert(
    fc.property(fc.array(seq, { maxLength: 300 }), (given) => {
      const unsorted = { nos: Uint32Array.from(given.keys()), seqs: Float64Array.from(given) };
      const { nos, seqs } = sortBySeq(unsorted, openBySeq(given.length + 3));
      expect([...nos]).toEqual([...given.keys()].sort((a, b) => given[a]! - given[b]! || a - b));
      expect([...seqs]).toEqual(given.toSorted((a, b) => a - b));
    }),
    { seed: 1 },
  );
});
