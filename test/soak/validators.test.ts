import { describe, expect, test } from 'vitest';
import { Hello_Mode } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { judge } from '../../soak/histories/histories.ts';
import type { Frame, History, Told } from '../../soak/histories/history.ts';
import type { Commit, Version } from '../../soak/histories/truth.ts';
import { digestOf } from '../support/feed/murmur.ts';

/** Ten seconds apart; the third commit deletes a key and brings another, the fourth leaves the region of a filter. */
const COMMITS: Commit[] = [
  commit(0, 1_000, { a: 1, b: 2, c: 3 }),
  commit(3, 11_000, { a: 4 }),
  commit(4, 21_000, { b: 5, d: 6 }, ['b']),
  commit(6, 31_000, { c: 7 }, [], 'tver'),
];

function commit(
  after: number,
  knownAtMs: number,
  seqs: Record<string, number>,
  gone: string[] = [],
  region = 'moscow',
): Commit {
  const versions = Object.entries(seqs).map(([driver, seq]): Version => {
    const deleted = gone.includes(driver);
    return { key: `park/${driver}`, seq, deleted, region, value: deleted ? 0 : 100 + seq };
  });
  return { after, seq: Math.max(...Object.values(seqs)), knownAtMs, versions: { ids: [], statuses: versions } };
}

const told = (driver: string, seq: number, deleted = false): Told => {
  return { key: `park/${driver}`, seq, deleted, value: deleted ? 0 : 100 + seq };
};

function digest(live: Record<string, number>) {
  const records = Object.entries(live).map(([driverId, seq]) => ({ parkId: 'park', driverId, seq: BigInt(seq) }));
  const { sums, counts } = digestOf(records);
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
  return { $typeName: 'deptrans.v1.Digest' as const, sums: bytes(sums), counts: bytes(counts) };
}

const hello = (mode: Hello_Mode): Frame => ({ atMs: 12_000, case: 'hello', mode });
const changes = (prev: number, through: number, records: Told[], compacted = true): Frame => {
  return { atMs: 12_000, case: 'changes', prev, through, compacted, records };
};
const beat = (atMs: number, through: number, live: Record<string, number>, ageMs = 10): Frame => {
  return { atMs, case: 'heartbeat', through, ageMs, digest: digest(live) };
};

/** A subscriber that loads a snapshot, leaves, and comes back with its cursor. */
function whole(): History {
  return {
    name: 'one',
    kind: 'statuses',
    filter: [],
    streams: [
      {
        from: null,
        isPrompt: true,
        end: 'cut',
        frames: [
          hello(Hello_Mode.SNAPSHOT),
          { atMs: 12_000, case: 'snapshotBegin', id: 's' },
          changes(0, 3, [told('b', 2), told('c', 3)]),
          changes(3, 4, [told('a', 4)]),
          { atMs: 12_000, case: 'snapshotEnd', id: 's', digest: digest({ a: 4, b: 2, c: 3 }) },
          beat(13_000, 4, { a: 4, b: 2, c: 3 }),
        ],
      },
      {
        from: { stream: 0, frame: 5, position: 4 },
        isPrompt: true,
        end: '14',
        frames: [
          hello(Hello_Mode.RESUME),
          changes(4, 6, [told('b', 5, true), told('d', 6)], false),
          changes(6, 7, [told('c', 7)], false),
          beat(45_000, 7, { a: 4, c: 7, d: 6 }),
        ],
      },
    ],
  };
}

/** Which judges object. */
function objecting(history: History): string[] {
  const { wrong } = judge([history], COMMITS, 1_000) as unknown as { wrong: Record<string, number> };
  return Object.entries(wrong).flatMap(([name, count]) => (count > 0 ? [name] : []));
}

const first = (history: History) => history.streams[0]!.frames;
const second = (history: History) => history.streams[1]!.frames;
const recordsOf = (frame: Frame | undefined) => (frame as Extract<Frame, { case: 'changes' }>).records as Told[];

test('a history as it should be has nobody object, nor one that was cut in its snapshot', () => {
  expect(objecting(whole())).toEqual([]);
  const cut = whole();
  first(cut).splice(3);
  cut.streams[1]!.from = { stream: 0, frame: 2, position: 3 };
  second(cut).splice(1, 1, changes(3, 6, [told('a', 4), told('b', 5, true), told('d', 6)]));
  expect(objecting(cut)).toEqual([]);
});

test('with a filter, what leaves it is told as gone', () => {
  const history = whole();
  history.filter = ['moscow'];
  for (const { frames } of history.streams) {
    for (const frame of frames) if ('digest' in frame) frame.digest = undefined;
  }
  expect(objecting(history)).toEqual(['Reliable', 'Bookmarkable']);
  second(history).splice(2, 1, changes(6, 7, [told('c', 7, true)], false));
  expect(objecting(history)).toEqual([]);
});

type Break = [what: string, breakIt: (history: History) => unknown, by: string[]];

describe.each<Break>([
  [
    'two frames change places',
    (h) => second(h).splice(1, 2, second(h)[2]!, second(h)[1]!),
    ['Ordered', 'Reliable', 'Resumable'],
  ],
  ['two records change places', (h) => recordsOf(second(h)[1]).reverse(), ['Ordered']],
  ['hello comes late', (h) => second(h).push(...second(h).splice(0, 1)), ['Ordered']],
  ['a heartbeat in a snapshot', (h) => first(h).splice(4, 0, beat(12_000, 4, { a: 4, b: 2, c: 3 })), ['Ordered']],
  [
    'a snapshot that ends without a beginning',
    (h) => first(h).splice(1, 1, { atMs: 1, case: 'snapshotBegin', id: 'other' }),
    ['Ordered'],
  ],
  ['a record comes twice', (h) => recordsOf(second(h)[2]).unshift(told('d', 6)), ['Ordered', 'Unique']],
  ['a whole frame comes twice', (h) => second(h).splice(2, 0, second(h)[1]!), ['Unique', 'Reliable']],
  ['a record is lost', (h) => recordsOf(second(h)[1]).pop(), ['Reliable', 'Bookmarkable']],
  ['a deletion is lost', (h) => recordsOf(second(h)[1]).shift(), ['Reliable', 'Bookmarkable']],
  ['a frame is lost', (h) => second(h).splice(1, 1), ['Resumable', 'Bookmarkable']],
  ['the last changes are lost', (h) => second(h).splice(2, 1), ['Reliable', 'Bookmarkable']],
  [
    'an older value where none may be left out',
    (h) => second(h).splice(1, 0, changes(4, 4, [], false)) && recordsOf(second(h)[2]).shift(),
    ['Reliable', 'Bookmarkable'],
  ],
  ['a value that never was', (h) => (recordsOf(second(h)[2])[0]!.value = 1), ['Reliable', 'Bookmarkable']],
  ['a number that never was', (h) => (recordsOf(second(h)[1])[1]!.key = 'park/e'), ['Reliable', 'Bookmarkable']],
  [
    'a heartbeat within a commit',
    (h) =>
      second(h).splice(
        1,
        1,
        changes(4, 5, [told('b', 5, true)], false),
        beat(45_000, 5, { a: 4, c: 3 }, 30_000),
        changes(5, 6, [told('d', 6)], false),
      ),
    ['Atomic'],
  ],
  [
    'a resume from elsewhere',
    (h) => second(h).splice(1, 1, changes(3, 6, [told('a', 4), told('b', 5, true), told('d', 6)])),
    ['Resumable'],
  ],
  [
    'a reset of a good cursor',
    (h) => second(h).splice(1, 0, { atMs: 1, case: 'reset', reason: 1 }),
    ['Reliable', 'Resumable', 'Bookmarkable'],
  ],
  [
    'a snapshot for a good cursor',
    (h) => second(h).splice(0, 1, hello(Hello_Mode.SNAPSHOT)),
    ['Reliable', 'Resumable', 'Bookmarkable'],
  ],
  ['an end that blames the caller', (h) => (h.streams[1]!.end = '3'), ['Resumable']],
  ['a digest of something else', (h) => second(h).splice(3, 1, beat(45_000, 7, { a: 4, c: 7 })), ['Bookmarkable']],
  [
    'no digest',
    (h) => second(h).splice(3, 1, { ...beat(45_000, 7, {}), digest: undefined } as Frame),
    ['Bookmarkable'],
  ],
  [
    'an old copy that is said to be new',
    (h) => second(h).splice(1, 3, beat(45_000, 4, { a: 4, b: 2, c: 3 })),
    ['Bookmarkable'],
  ],
  [
    'an old copy of which only the age is too small',
    (h) => second(h).splice(2, 2, beat(45_000, 6, { a: 4, c: 3, d: 6 }, 12_000)),
    ['Bookmarkable'],
  ],
])('%s', (_, breakIt, by) => {
  test(`is found by ${by.join(', ')}`, () => {
    const history = whole();
    breakIt(history);
    expect(objecting(history)).toEqual(by);
  });
});

test('an old copy that says how old it is, or that was read late, is no lie', () => {
  const history = whole();
  second(history).splice(2, 2, beat(45_000, 6, { a: 4, c: 3, d: 6 }, 14_000));
  expect(objecting(history)).toEqual([]);
  second(history).splice(2, 1, beat(45_000, 6, { a: 4, c: 3, d: 6 }));
  expect(objecting(history)).toEqual(['Bookmarkable']);
  history.streams[1]!.isPrompt = false;
  expect(objecting(history)).toEqual([]);
});
