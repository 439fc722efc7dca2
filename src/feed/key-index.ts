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
  /**
   * Gives all these profiles their keys, of which none comes twice, to an index that has nothing yet. One table after the other, each made as large as
   * it will be: a table stays in the processor's cache while it is filled, and none is ever doubled.
   */
  fill(profiles: Keyed): void;
};

/** Profiles by number, below `end`; there is none where `seq` is 0. */
export type Keyed = {
  readonly end: number;
  seq(no: number): number;
  hashLo(no: number): number;
  hashHi(no: number): number;
};

type Table = {
  /** Pairs of lane lo and profile; a free place has profile 0. */
  places: Uint32Array;
  used: number;
};

const TABLES = 256;

export function openKeyIndex(): KeyIndex {
  const tables: Table[] = Array.from({ length: TABLES }, () => ({ places: new Uint32Array(32), used: 0 }));
  const put = (lo: number, hi: number, no: number, previous: number) => {
    const table = tables[hi >>> 24]!;
    if (previous === 0) {
      table.used += 1;
      if (table.places.length < leastPlaces(table.used)) table.places = doubled(table.places);
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
    fill(profiles) {
      const { pairs, starts } = byTable(profiles);
      for (const [i, table] of tables.entries()) fillTable(table, pairs.subarray(starts[i]! * 2, starts[i + 1]! * 2));
    },
  };
}

/** Lane lo and number of each profile, side by side, those of one table together; those of table i begin at pair `starts[i]`. */
function byTable(profiles: Keyed): { pairs: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(TABLES + 1);
  for (let no = 1; no < profiles.end; no++) if (profiles.seq(no) > 0) starts[(profiles.hashHi(no) >>> 24) + 1]! += 1;
  for (let i = 0; i < TABLES; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const pairs = new Uint32Array(starts[TABLES]! * 2);
  for (let no = 1; no < profiles.end; no++) {
    if (profiles.seq(no) === 0) continue;
    const at = next[profiles.hashHi(no) >>> 24]!++ * 2;
    pairs[at] = profiles.hashLo(no);
    pairs[at + 1] = no;
  }
  return { pairs, starts };
}

function fillTable(table: Table, pairs: Uint32Array): void {
  table.used = pairs.length / 2;
  let size = table.places.length;
  while (size < leastPlaces(table.used)) size *= 2;
  const places = new Uint32Array(size);
  for (let i = 0; i < pairs.length; i += 2) {
    let at = firstPlace(places, pairs[i]!);
    while (places[at + 1] !== 0) at = nextPlace(places, at);
    places[at] = pairs[i]!;
    places[at + 1] = pairs[i + 1]!;
  }
  table.places = places;
}

/** The least length of the places of so many profiles: a pair for each, and two free. */
function leastPlaces(used: number): number {
  return used * 6;
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
