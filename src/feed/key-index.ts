/**
 * From a key to its profile: open addressing over profile numbers, cut into 256 tables so that growing one of them takes a moment instead of
 * a pause. Keys are never removed, only handed to another profile; the numbers lead to the keys, so a place costs 4 bytes.
 */
export type KeyIndex = {
  /** The profile that holds the key with this hash, or 0. `matches` compares the key itself. */
  find(lo: number, hi: number, matches: (no: number) => boolean): number;
  /** Gives the key to `no`; `previous` is what `find` said of it. */
  put(lo: number, hi: number, no: number, previous: number): void;
};

type Table = { places: Uint32Array; used: number };

export function openKeyIndex(hashLoOf: (no: number) => number): KeyIndex {
  const tables: Table[] = Array.from({ length: 256 }, () => ({ places: new Uint32Array(16), used: 0 }));

  const insert = (places: Uint32Array, lo: number, no: number) => {
    const mask = places.length - 1;
    let place = lo & mask;
    while (places[place] !== 0) place = (place + 1) & mask;
    places[place] = no;
  };

  const grow = (table: Table) => {
    const wider = new Uint32Array(table.places.length * 2);
    for (const no of table.places) if (no !== 0) insert(wider, hashLoOf(no), no);
    table.places = wider;
  };

  return {
    find(lo, hi, matches) {
      const { places } = tables[hi >>> 24]!;
      const mask = places.length - 1;
      for (let place = lo & mask; places[place] !== 0; place = (place + 1) & mask) {
        const no = places[place]!;
        if (hashLoOf(no) === lo && matches(no)) return no;
      }
      return 0;
    },
    put(lo, hi, no, previous) {
      const table = tables[hi >>> 24]!;
      if (previous !== 0) {
        const mask = table.places.length - 1;
        let place = lo & mask;
        while (table.places[place] !== previous) place = (place + 1) & mask;
        table.places[place] = no;
        return;
      }
      if (table.used * 3 > table.places.length * 2) grow(table);
      insert(table.places, lo, no);
      table.used += 1;
    },
  };
}
