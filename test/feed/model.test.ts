import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { WatchIdsResponseSchema, WatchStatusesResponseSchema } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import { type Cursor, decodeCursor, filterHash, resetReason, type StreamKind } from '../../src/domain/cursor.ts';
import { applyTail, buildCopy, type Copy, putRows } from '../../src/feed/copy.ts';
import { ENVELOPE_BYTES, type Frame } from '../../src/feed/frames.ts';
import { Image } from '../../src/feed/image.ts';
import { BLOCK_ENTRIES } from '../../src/feed/order-log.ts';
import { Subscription } from '../../src/feed/subscription.ts';
import { Consumer, type FeedRecord } from '../support/feed/consumer.ts';
import { ModelDatabase } from '../support/feed/model-database.ts';
import { openRandom, type Random } from '../support/feed/random.ts';

const PROFILES = 2_500;
const PEOPLE = 1_200;
const REGIONS = ['moscow', 'oblast', ''];

/** A process: its copy, and how it reads the database. */
class Instance {
  copy: Copy;
  readonly #database: ModelDatabase;

  constructor(database: ModelDatabase) {
    this.#database = database;
    this.copy = this.#load();
  }

  poll(maxCommits: number): void {
    applyTail(this.copy, this.#database.tail(this.copy.head, maxCommits));
  }

  reload(): void {
    this.copy = this.#load();
  }

  beat(): void {
    for (const stream of Object.values(this.copy.streams)) stream.beat(this.copy.head, 0, 0);
  }

  #load(): Copy {
    const { profiles, bindings, sessions, epoch, head, floor } = this.#database;
    const image = new Image();
    const rows = {
      profiles: [...profiles.values()],
      bindings: [...bindings.values()],
      sessions: [...sessions.values()],
    };
    putRows(image, { ...rows, epoch, head, floor, commits: [] }, head);
    return buildCopy(image, { epoch, head, floor });
  }
}

type Watcher = {
  kind: StreamKind;
  regions: string[];
  consumer: Consumer;
  subscription: Subscription | null;
  /** Frames of the last step that are still to be sent. */
  pending: Frame[];
};

function connect(watcher: Watcher, instance: Instance): void {
  const { kind, regions, consumer } = watcher;
  const hash = filterHash(kind, regions);
  const cursor: Cursor | null = consumer.cursor.length > 0 ? decodeCursor(consumer.cursor) : null;
  const { copy } = instance;
  if (cursor && cursor.seq > copy.head) return; // ahead: refused
  const reset = cursor && resetReason(cursor, { epoch: copy.cursorEpoch, floor: copy.floor, filter: hash });
  const start = {
    copy,
    position: cursor && !reset ? cursor.seq : 0,
    reset: reset || null,
    filter: regions.length > 0 ? new Set(regions) : null,
    filterHash: hash,
  };
  const tail = {
    get copy() {
      return instance.copy;
    },
    sourceAgeMs: () => 0,
  };
  consumer.reconnect();
  watcher.subscription = new Subscription({
    tail,
    now: () => 0,
    kind,
    start,
    instance: 'one',
    heartbeatIntervalMs: 1_000,
  });
  watcher.pending = watcher.subscription.begin();
}

/** Takes up to `most` frames. True if there was nothing left. */
function read(watcher: Watcher, most: number): boolean {
  for (let i = 0; i < most; i++) {
    if (watcher.pending.length === 0) {
      const frames = watcher.subscription!.step();
      if (!frames) return true;
      watcher.pending = frames;
      continue;
    }
    const frame = watcher.pending.shift()!.subarray(ENVELOPE_BYTES);
    const schema = watcher.kind === 'ids' ? WatchIdsResponseSchema : WatchStatusesResponseSchema;
    watcher.consumer.take(fromBinary(schema, frame));
  }
  return false;
}

function randomCommit(random: Random, database: ModelDatabase): void {
  const person = () => 1 + random.int(PEOPLE);
  const several = <T>(make: () => T) => Array.from({ length: 1 + random.int(random.chance(0.02) ? 60 : 3) }, make);
  const unique = <R>(rows: R[], key: (row: R) => number) => [...new Map(rows.map((row) => [key(row), row])).values()];
  const profile = () => {
    const no = 1 + random.int(PROFILES);
    // A key whose row was collected comes back under another number.
    const number = database.floor > 0 && !database.profiles.has(no) ? no + PROFILES : no;
    const deleted = random.chance(0.1);
    const whose = deleted || random.chance(0.05) ? null : person();
    const owner = { person_no: whose, driver_license_pd_id: whose === null ? null : `person-${whose}` };
    return { profile_no: number, park_id: `park-${no % 40}`, driver_id: `driver-${no}`, ...owner, deleted, seq: 0 };
  };
  const binding = () => {
    const no = person();
    const bound = random.chance(0.8);
    const id = {
      deptrans_id: bound ? `${10_000 + no}` : null,
      state: bound ? ('bound' as const) : ('unbound' as const),
    };
    return { person_no: no, driver_license_pd_id: `person-${no}`, ...id, updated_us: 5, seq: 0 };
  };
  const session = () => {
    const no = person();
    const kept = { driver_license_pd_id: `person-${no}`, session_status: 'online', session_status_raw: null };
    const region = REGIONS[random.int(3)]!;
    const times = { updated_us: 1_000, ended_us: 2_000, end_is_estimate: true };
    return { person_no: no, ...kept, ...times, region, deleted: random.chance(0.15), seq: 0 };
  };
  const which = random.int(10);
  database.commit({
    profiles: which < 2 || which === 9 ? unique(several(profile), (row) => row.profile_no) : [],
    bindings: which === 2 || which === 9 ? unique(several(binding), (row) => row.person_no) : [],
    sessions: which > 2 ? unique(several(session), (row) => row.person_no) : [],
  });
}

function openWatchers(): Watcher[] {
  const filters: [StreamKind, string[]][] = [
    ['ids', []],
    ['statuses', []],
    ['statuses', []],
    ['ids', []],
    ['statuses', ['moscow']],
    ['statuses', ['moscow', 'oblast']],
  ];
  return filters.map(([kind, regions]) => ({
    kind,
    regions,
    consumer: new Consumer(),
    subscription: null,
    pending: [],
  }));
}

function shown(copy: Map<string, FeedRecord>) {
  return new Map(
    [...copy].map(([key, record]) => {
      const region = record.$typeName === 'deptrans.v1.SessionRecord' ? record.region : '';
      const { parkId, driverId, driverLicensePdId } = record;
      return [key, { parkId, driverId, seq: Number(record.seq), person: driverLicensePdId, region }];
    }),
  );
}

describe.each([1, 2, 3, 4, 5])('random lives, seed %i', (seed) => {
  test('every copy equals the database, whatever happened on the way', () => {
    const random = openRandom(seed);
    const database = new ModelDatabase();
    for (let i = 0; i < 800; i++) randomCommit(random, database);
    const instances = [new Instance(database), new Instance(database)];
    const watchers = openWatchers();
    for (let round = 0; round < 2_500; round++) {
      const instance = instances[random.int(2)]!;
      if (random.chance(0.6)) randomCommit(random, database);
      if (random.chance(0.05)) database.rollBack(random.int(20));
      if (random.chance(0.05))
        database.collect(1 + random.int(PROFILES), Math.min(...instances.map((i) => i.copy.head)));
      if (random.chance(0.3)) instance.poll(1 + random.int(12));
      if (random.chance(0.03)) instance.reload();
      // A heartbeat is sent only of a copy that equals the database as of one commit.
      if (random.chance(0.02) && instance.copy.head === database.head) instance.beat();
      const watcher = watchers[random.int(watchers.length)]!;
      if (watcher.subscription === null || random.chance(0.01)) connect(watcher, instance);
      else read(watcher, 1 + random.int(random.chance(0.1) ? 40 : 3));
    }
    for (const instance of instances) {
      instance.poll(Number.MAX_SAFE_INTEGER);
      instance.beat();
    }
    for (const watcher of watchers) {
      if (!watcher.subscription) connect(watcher, instances[0]!);
      while (!read(watcher, 100));
      expect(shown(watcher.consumer.copy)).toEqual(database.expected(watcher.kind, watcher.regions));
    }
    const fresh = openWatchers();
    for (const watcher of fresh) {
      connect(watcher, instances[1]!);
      while (!read(watcher, 100));
      expect(shown(watcher.consumer.copy)).toEqual(database.expected(watcher.kind, watcher.regions));
    }
  });
});

test('an order log that has changed many times over stays as short as the state', () => {
  const random = openRandom(99);
  const database = new ModelDatabase();
  const instance = new Instance(database);
  for (let i = 0; i < 12_000; i++) {
    randomCommit(random, database);
    if (random.chance(0.2)) instance.poll(50);
  }
  instance.poll(Number.MAX_SAFE_INTEGER);
  for (const stream of Object.values(instance.copy.streams)) {
    const { blocks } = stream.log;
    const live = blocks.reduce((sum, block) => sum + block.live, 0);
    expect(live).toBe(database.profiles.size);
    expect(blocks.length).toBeLessThan((3 * live) / BLOCK_ENTRIES + 3);
  }
});
