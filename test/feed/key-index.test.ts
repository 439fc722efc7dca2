import { expect, test } from 'vitest';
import { openKeyIndex } from '../../src/feed/key-index.ts';

const COUNT = 20_000; // of keys: some dozens for most tables, thousands for one

/** Lanes that look random, a fifth of them in one table, and every seventh number not used. */
function keys() {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  const los = Uint32Array.from({ length: COUNT }, next);
  const his = Uint32Array.from({ length: COUNT }, (_, i) => (i % 5 === 0 ? next() >>> 8 : next()));
  return {
    end: COUNT,
    seq: (no: number) => (no % 7 === 0 ? 0 : no),
    hashLo: (no: number) => los[no]!,
    hashHi: (no: number) => his[no]!,
  };
}

test('an index that is filled at once finds each key, and only those, and goes on taking keys', () => {
  const profiles = keys();
  const index = openKeyIndex();
  index.fill(profiles);
  const find = (no: number) => index.find(profiles.hashLo(no), profiles.hashHi(no), (found) => found === no);
  const used = Array.from({ length: COUNT }, (_, no) => (no > 0 && profiles.seq(no) > 0 ? no : 0));
  expect(used.map((_, no) => find(no))).toEqual(used);

  for (let no = 7; no < COUNT; no += 7) index.put(profiles.hashLo(no), profiles.hashHi(no), no, 0);
  expect(used.map((_, no) => find(no))).toEqual(used.map((_, no) => no));

  index.put(profiles.hashLo(1), profiles.hashHi(1), COUNT, 1);
  expect([find(1), index.find(profiles.hashLo(1), profiles.hashHi(1), (no) => no === COUNT)]).toEqual([0, COUNT]);
});

test('an index that is filled with nothing takes keys', () => {
  const index = openKeyIndex();
  index.fill({ end: 0, seq: () => 1, hashLo: () => 1, hashHi: () => 1 });
  index.put(5, 6, 7, 0);
  expect(index.find(5, 6, () => true)).toBe(7);
});
