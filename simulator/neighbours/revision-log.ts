/** The newest row of each key, in the order of changes: what incremental neighbours hand out page by page. */
export type RevisionLog<Row> = {
  put(key: string, row: Row): void;
  get(key: string): Row | undefined;
  /** Rows changed after the revision, oldest change first. Null: the revision is older than what is remembered, or was never given out. */
  after(revision: number, limit: number): { rows: Row[]; revision: number; hasMore: boolean } | null;
  /** From now on every revision given out so far is forgotten; only a reload from 0 helps. */
  forget(): void;
  readonly head: number;
  readonly size: number;
};

type Entry<Row> = { revision: number; row: Row | null };

export function openRevisionLog<Row>(): RevisionLog<Row> {
  const newest = new Map<string, Entry<Row>>();
  const rows = new Map<string, Row>();
  let entries: Entry<Row>[] = [];
  let head = 0;
  let floor = 0;
  return {
    get head() {
      return head;
    },
    get size() {
      return rows.size;
    },
    put(key, row) {
      head += 1;
      const replaced = newest.get(key);
      if (replaced) replaced.row = null;
      const entry = { revision: head, row };
      newest.set(key, entry);
      rows.set(key, row);
      entries.push(entry);
      if (entries.length > 1_000 && entries.length > rows.size * 2) entries = entries.filter(({ row: left }) => left);
    },
    get: (key) => rows.get(key),
    after(revision, limit) {
      if (revision > head || (revision !== 0 && revision < floor)) return null;
      const found: Row[] = [];
      let at = firstAfter(entries, revision);
      let reached = revision;
      for (; at < entries.length && found.length < limit; at += 1) {
        const entry = entries[at]!;
        if (entry.row !== null) found.push(entry.row);
        reached = entry.revision;
      }
      const hasMore = at < entries.length;
      return { rows: found, revision: hasMore ? reached : head, hasMore };
    },
    forget() {
      entries = entries.filter(({ row }) => row);
      head += 1;
      floor = head;
      // Renumbered above the floor: the pages of the reload must not be forgotten again.
      for (const entry of entries) {
        head += 1;
        entry.revision = head;
      }
    },
  };
}

function firstAfter(entries: readonly Entry<unknown>[], revision: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
