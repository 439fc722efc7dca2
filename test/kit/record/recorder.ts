import { deepStrictEqual } from 'node:assert';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { WatchIdsRequestSchema, WatchStatusesRequestSchema } from '../../../gen/deptrans/v1/incremental_updates_pb.ts';
import { PolicyInForceSchema } from '../../../gen/deptrans/v1/policy_pb.ts';
import { SessionStatus } from '../../../gen/deptrans/v1/records_pb.ts';
import type { Db } from '../../../src/store/database.ts';
import { type PlainRecord, readRecords } from '../../support/feed/world.ts';
import { until } from '../../support/until.ts';
import type { Recording, Row } from '../history.ts';
import { type Message, parse, Replayer, type StreamKind } from '../replay.ts';
import { type Instance, openInstance } from './instance.ts';
import { type RawWatch, rawWatch } from './raw-watch.ts';
import { openTown, type Town } from './town.ts';

/** What a script may do. Each step ends when all that it leads to has been recorded. */
export type Stage = {
  /** Writes to the database; every instance takes it in before the next step. */
  commit(work: (town: Town) => Promise<number>): Promise<number>;
  /** The same for what no instance notices by itself. */
  quietly(work: (town: Town) => Promise<void>): Promise<void>;
  /** Starts an instance of the service. */
  open(name: string): Promise<void>;
  /** An instance hands this policy out from now on. */
  enforce(name: string, policy: MessageInitShape<typeof PolicyInForceSchema>): void;
  /** The consumer connects with the cursor that it holds, and takes frames until `until`, by default the end of the snapshot or of the catch-up. */
  watch(name: string, options?: { regions?: string[]; until?: (message: Message) => boolean }): Promise<void>;
  /** The consumer takes frames until `seen`. */
  see(seen: (message: Message) => boolean): Promise<void>;
  /** A heartbeat, with which the copy is the database's. */
  beat(): Promise<void>;
  /** The consumer leaves. */
  leave(): void;
  /** The instance that the consumer watches stops, and sends it away. */
  stop(): Promise<void>;
};

export type Script = { name: string; about: string; stream: StreamKind; play(stage: Stage): Promise<void> };

export const REGIONS = ['moscow', 'tver'];

/** Plays a script against the real feed over a database of its own, and keeps every message that comes over the wire. */
export async function record({ name, about, stream, play }: Script, db: Db): Promise<Recording> {
  await using stage = new RecordingStage(stream, db, await openTown(db));
  await play(stage);
  return { name, about, stream, connections: stage.connections };
}

type Watching = { watch: RawWatch; instance: Instance; connection: Recording['connections'][number] };

class RecordingStage implements Stage, AsyncDisposable {
  readonly connections: Recording['connections'] = [];
  readonly #stream: StreamKind;
  readonly #db: Db;
  readonly #town: Town;
  readonly #replayer: Replayer;
  readonly #instances = new Map<string, Instance>();
  readonly #owned = new AsyncDisposableStack();
  #watching: Watching | null = null;

  constructor(stream: StreamKind, db: Db, town: Town) {
    this.#stream = stream;
    this.#db = db;
    this.#town = town;
    this.#replayer = new Replayer(stream);
  }

  async commit(work: (town: Town) => Promise<number>): Promise<number> {
    const seq = await work(this.#town);
    await Promise.all([...this.#instances.values()].map((instance) => instance.caughtUp(seq)));
    return seq;
  }

  quietly(work: (town: Town) => Promise<void>): Promise<void> {
    return work(this.#town);
  }

  async open(name: string): Promise<void> {
    this.#instances.set(name, this.#owned.use(await openInstance(this.#db, name, REGIONS)));
  }

  enforce(name: string, policy: MessageInitShape<typeof PolicyInForceSchema>): void {
    this.#instances.get(name)!.setPolicy(create(PolicyInForceSchema, policy));
  }

  async watch(name: string, options: Parameters<Stage['watch']>[1] = {}): Promise<void> {
    const { regions = [], until: seen = isWhole } = options;
    const { cursor } = this.#replayer;
    const instance = this.#instances.get(name)!;
    const watch = call(this.#stream, instance.url, cursor, regions);
    const connection = { regions, cursor, messages: [], ends: null };
    this.connections.push(connection);
    this.#watching = { watch, instance, connection };
    this.#replayer.connect();
    await this.see(seen);
  }

  async see(seen: (message: Message) => boolean): Promise<void> {
    const { watch, connection } = this.#watching!;
    for (;;) {
      const { value, done } = await watch.messages.next();
      if (done) return;
      connection.messages.push(value);
      const message = parse(this.#stream, value);
      this.#replayer.take(message);
      if (seen(message)) return;
    }
  }

  async beat(): Promise<void> {
    const { instance, connection } = this.#watching!;
    instance.beat();
    await this.see(({ frame }) => frame.case === 'heartbeat');
    await compare(this.#db, this.#stream, connection.regions, this.#replayer.copy().rows);
  }

  leave(): void {
    this.#watching!.watch.leave();
  }

  async stop(): Promise<void> {
    const { instance, connection, watch } = this.#watching!;
    for (const [name, one] of this.#instances) if (one === instance) this.#instances.delete(name);
    instance.stop();
    await this.see(() => false);
    await until(() => watch.status() !== null, 'the stream has ended');
    connection.ends = watch.status();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    await this.#owned.disposeAsync();
  }
}

const isWhole = ({ frame }: Message) =>
  frame.case === 'snapshotEnd' || (frame.case === 'hello' && frame.value.mode !== 3);

function call(stream: StreamKind, url: string, held: string, regions: string[]): RawWatch {
  const cursor = Buffer.from(held, 'hex');
  return stream === 'ids'
    ? rawWatch(url, 'WatchIds', toBinary(WatchIdsRequestSchema, create(WatchIdsRequestSchema, { cursor })))
    : rawWatch(
        url,
        'WatchStatuses',
        toBinary(WatchStatusesRequestSchema, create(WatchStatusesRequestSchema, { cursor, regions })),
      );
}

/** A copy at rest is what the database says, by a query that knows nothing of the feed. */
async function compare(db: Db, stream: StreamKind, regions: readonly string[], rows: readonly Row[]): Promise<void> {
  const wanted = await readRecords(db, stream, regions);
  const had = new Map(rows.map((row) => [`${row[0]}/${row[1]}`, stream === 'ids' ? plainId(row) : plainSession(row)]));
  deepStrictEqual(had, wanted);
}

function plainId([, , person, bound, id, _state, updated, seq]: Row): PlainRecord {
  return { person, bound, id, updated: text(updated), seq: text(seq) } as PlainRecord;
}

function plainSession([, , person, status, raw, updated, ended, estimate, region, seq]: Row): PlainRecord {
  const word = Object.entries(SessionStatus)
    .find(([, number]) => number === status)![0]
    .toLowerCase();
  const times = { updated: text(updated), ended: text(ended) };
  return { person, status: word, raw, ...times, estimate, region, seq: text(seq) } as PlainRecord;
}

function text(value: Row[number] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
