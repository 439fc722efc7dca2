import type { Clock } from './clock.ts';
import { type Copy, KINDS, type Kind } from './copy.ts';
import { Dumps } from './dumps.ts';
import { type Connection, Endpoints } from './endpoints.ts';
import { Feed } from './feed.ts';
import { type Following, follow } from './follow.ts';
import { Inspector } from './inspector.ts';
import { Mender } from './mender.ts';
import type { Settings } from './options.ts';
import type { Policies } from './policies.ts';

/** Keeps a copy up: follows both feeds, mends, inspects and dumps, until it is closed. */
export class Upkeep {
  readonly feeds: Readonly<Record<Kind, Feed>>;
  readonly followings: Readonly<Record<Kind, Following>> = { ids: newFollowing(), statuses: newFollowing() };
  readonly inspector: Inspector;
  readonly dumps: Dumps | null;
  readonly mender: Mender;
  readonly #clock: Clock;
  readonly #endpoints: Endpoints;
  readonly #reconnect: Settings['reconnect'];
  readonly #closing = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, connection: Connection, copy: Copy, policies: Policies) {
    const { clock, dump } = settings;
    this.#clock = clock;
    this.#endpoints = new Endpoints(settings.endpoints, connection);
    this.#reconnect = settings.reconnect;
    this.inspector = new Inspector(copy);
    const clientOf = ({ kind }: Feed) => this.#endpoints.at(this.#endpoints.first + this.followings[kind].turn);
    this.mender = new Mender({ copy, clientOf, signal: this.#closing.signal });
    this.feeds = {
      ids: this.#feed('ids', copy, clock, policies),
      statuses: this.#feed('statuses', copy, clock, policies),
    };
    this.dumps = dump ? new Dumps({ settings: dump, copy, policies, feeds: this.feeds, clock }) : null;
  }

  /** Both feeds are exact as of so long ago, or less. */
  get ageMs(): number {
    return this.#clock.monotonic() - Math.min(this.feeds.ids.exactAt, this.feeds.statuses.exactAt);
  }

  get isWhole(): boolean {
    return this.feeds.ids.isWhole && this.feeds.statuses.isWhole;
  }

  get isConnected(): boolean {
    return this.followings.ids.isConnected && this.followings.statuses.isConnected;
  }

  /** Begins to follow. `changed` is called whenever something happens to a stream. */
  start(changed: () => void): void {
    const common = {
      endpoints: this.#endpoints,
      reconnect: this.#reconnect,
      inspectAll: () => this.inspector.all(),
      changed,
      signal: this.#closing.signal,
    };
    this.#running = Promise.all(
      KINDS.map((kind) => follow({ ...common, feed: this.feeds[kind], following: this.followings[kind] })),
    );
  }

  /** Ends the streams and writes the dump. From then on the copy is of no known age. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the cache is closed'));
    this.#endpoints.close();
    await this.#running;
    await this.mender.idle();
    await this.dumps?.write();
    for (const kind of KINDS) this.feeds[kind].end();
  }

  #feed(kind: Kind, copy: Copy, clock: Clock, policies: Policies): Feed {
    // The rows are common to both feeds: one of them has them inspected.
    const inspect = () => {
      if (kind === 'ids') this.inspector.step();
    };
    return new Feed({
      kind,
      copy,
      clock,
      takePolicy: (policy, epoch) => policies.take(policy, epoch),
      leaveHistory: () => policies.leaveHistory(),
      inspect,
      mend: (feed, bucket) => this.mender.mend(feed, bucket),
    });
  }
}

function newFollowing(): Following {
  return { turn: 0, isConnected: false, connects: 0, failures: 0 };
}
