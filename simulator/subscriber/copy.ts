/** A record of either feed. */
export type FeedRecord = { parkId: string; driverId: string; seq: bigint; deleted: boolean };

/** A frame of either feed, as the generated code gives it. */
export type Frame<R extends FeedRecord> = {
  frame:
    | { case: 'hello'; value: { headSeq: bigint; heartbeatIntervalMs: number } }
    | { case: 'reset' | 'snapshotBegin'; value: object }
    | { case: 'snapshotEnd' | 'goAway'; value: { cursor: Uint8Array } }
    | { case: 'changes'; value: { prevSeq: bigint; throughSeq: bigint; records: R[]; cursor: Uint8Array } }
    | { case: 'heartbeat'; value: { throughSeq: bigint; cursor: Uint8Array; sourceAgeMs: bigint } }
    | { case: undefined; value?: undefined };
};

/** What the feed promised and did not keep: a hole between frames, a record outside its frame's span or out of order. */
export type Violations = { gap: number; order: number };

/** A copy of one feed, kept by applying its frames in turn. */
export type Copy<R extends FeedRecord> = {
  readonly records: ReadonlyMap<string, R>;
  /** Where to resume. Empty: from the beginning. */
  readonly cursor: Uint8Array;
  readonly throughSeq: bigint;
  /** As the newest heartbeat said; null before the first. */
  readonly sourceAgeMs: number | null;
  readonly resets: number;
  readonly violations: Readonly<Violations>;
  apply(frame: Frame<R>): void;
};

export function openCopy<R extends FeedRecord>(): Copy<R> {
  const records = new Map<string, R>();
  const violations: Violations = { gap: 0, order: 0 };
  let cursor: Uint8Array = new Uint8Array();
  let throughSeq = 0n;
  let sourceAgeMs: number | null = null;
  let resets = 0;
  const put = (record: R) => {
    const key = `${record.parkId}/${record.driverId}`;
    if (record.deleted) records.delete(key);
    else records.set(key, record);
  };
  return {
    records,
    violations,
    get cursor() {
      return cursor;
    },
    get throughSeq() {
      return throughSeq;
    },
    get sourceAgeMs() {
      return sourceAgeMs;
    },
    get resets() {
      return resets;
    },
    apply({ frame }) {
      switch (frame.case) {
        case 'reset':
          records.clear();
          cursor = new Uint8Array();
          throughSeq = 0n;
          resets += 1;
          return;
        case 'changes':
          if (frame.value.prevSeq > throughSeq) violations.gap += 1;
          violations.order += countDisorder(frame.value);
          frame.value.records.forEach(put);
          ({ cursor, throughSeq } = frame.value);
          return;
        case 'heartbeat':
          ({ cursor, throughSeq } = frame.value);
          sourceAgeMs = Number(frame.value.sourceAgeMs);
          return;
        case 'snapshotEnd':
        case 'goAway':
          ({ cursor } = frame.value);
          return;
        default: // hello and snapshotBegin change nothing; frames of a later contract are stepped over
      }
    },
  };
}

function countDisorder({
  prevSeq,
  throughSeq,
  records,
}: {
  prevSeq: bigint;
  throughSeq: bigint;
  records: FeedRecord[];
}) {
  let lastSeq = prevSeq;
  let count = 0;
  for (const { seq } of records) {
    if (seq < lastSeq || seq <= prevSeq || seq > throughSeq) count += 1;
    lastSeq = seq;
  }
  return count;
}
