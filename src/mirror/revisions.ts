/** Where a stream was, as far as this process remembers. Revisions are a neighbour's own words: only "seen before" can be told of them. */
export type Revisions = {
  /** Notes that the stream goes from one revision to another; true if it was at the other before, and has left it since. */
  isBack(from: string | null, to: string): boolean;
};

const REMEMBERED = 1_000;

export function openRevisions(): Revisions {
  const left = new Set<string>();
  return {
    isBack(from, to) {
      if (from === null || from === to) return false;
      left.add(from);
      if (left.size > REMEMBERED) left.delete(left.values().next().value!);
      if (!left.has(to)) return false;
      left.clear(); // from here on it goes forward once more
      return true;
    },
  };
}
