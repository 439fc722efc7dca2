/**
 * From a key to its profile: open addressing, cut into 256 tables so that growing one of them takes a moment instead of a pause. A place is
 * eight bytes, the hash's lane lo and the profile, so that only a true match leads to the key itself. Keys are never removed, only handed
 * to another profile.
 */
export type KeyIndex = {
  /** The profile that holds the key with this hash, or 0. `matches` compares the key itself. */
  find(lo: number, hi: number, matches: (no: number) => boolean): number;
  /** Gives the key to `no`; `previous` is what `find` said of it. */
  put(lo: number, hi: number, no: number, previous: number): void;
  /** Gives a key that nobody has. */
  add(lo: number, hi: number, no: number): void;
};

type Table = {
  /** Pairs of lane lo and profile; a free place has profile 0. */
  places: Uint32Array;
  used: number;
};

export function openKeyIndex(): KeyIndex {
  const tables: Table[] = Array.from({ length: 256 }, () => ({ places: new Uint32Array(32), used: 0 }));
  const put = (lo: number, hi: number, no: number, previous: number) => {
    const table = tables[hi >>> 24]!;
    if (previous === 0) {
      table.used += 1;
      if (table.used * 6 > table.places.length * 2) table.places = doubled(table.places);
    }
    let at = firstPlace(table.places, lo);
    while (table.places[at + 1] !== previous) at = nextPlace(table.places, at);
    table.places[at] = lo;
    table.places[at + 1] = no;
  };
  return {
    find(lo, hi, matches) {
      const { places } = tables[hi >>> 24]!;
      for (let at = firstPlace(places, lo); places[at + 1] !== 0; at = nextPlace(places, at)) {
        if (places[at] === lo && matches(places[at + 1]!)) return places[at + 1]!;
      }
      return 0;
    },
    put,
    add: (lo, hi, no) => put(lo, hi, no, 0),
  };
}

/** The index in `places` at which a search begins. */
function firstPlace(places: Uint32Array, lo: number): number {
  return (lo << 1) & (places.length - 2);
}

function nextPlace(places: Uint32Array, at: number): number {
  return (at + 2) & (places.length - 2);
}

function doubled(places: Uint32Array): Uint32Array {
  const wider = new Uint32Array(places.length * 2);
  for (let from = 0; from < places.length; from += 2) {
    if (places[from + 1] === 0) continue;
    let at = firstPlace(wider, places[from]!);
    while (wider[at + 1] !== 0) at = nextPlace(wider, at);
    wider[at] = places[from]!;
    wider[at + 1] = places[from + 1]!;
  }
  return wider;
}
