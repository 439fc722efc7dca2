import type { Clock } from './clock.ts';
import { type Copy, KINDS, type Kind } from './copy.ts';
import type { Meta } from './dump-format.ts';
import { DumpUnusable, readDump } from './dump-reader.ts';
import { writeDump } from './dump-writer.ts';
import type { Feed } from './feed.ts';
import type { DumpOptions } from './options.ts';
import type { Policies } from './policies.ts';

export type DumpsOptions = {
  settings: Required<DumpOptions>;
  copy: Copy;
  policies: Policies;
  feeds: Readonly<Record<Kind, Feed>>;
  clock: Clock;
};

/** Loads the dump at the beginning and writes it now and then. Whatever fails here is counted and costs nothing but the dump. */
export class Dumps {
  readonly counts = { written: 0, failures: 0, loadedRows: 0 };
  /** Why the dump that was there was not used; null if it was, or there was none. */
  refused: string | null = null;
  readonly #options: DumpsOptions;
  #writing: Promise<void> | null = null;
  #dueAt: number;

  constructor(options: DumpsOptions) {
    this.#options = options;
    this.#dueAt = options.clock.monotonic() + options.settings.everyMs;
  }

  /** Starts from the dump, if it is whole and of this source. Never rejects. */
  async load(): Promise<void> {
    const { settings, copy, policies, feeds, clock } = this.#options;
    try {
      const { exactAtMs, feeds: places, policy = '' } = await readDump(settings.path, settings.source, copy);
      const now = clock.now();
      // A time that is still to come says that one of the two clocks was wrong: then nobody knows how old the dump is.
      const ageMs = exactAtMs <= now ? now - exactAtMs : Number.POSITIVE_INFINITY;
      for (const kind of KINDS) {
        const { cursor, ...place } = places[kind];
        feeds[kind].adopt({ ...place, cursor: new Uint8Array(Buffer.from(cursor, 'base64')) }, ageMs);
      }
      policies.adopt(Buffer.from(policy, 'base64'), places.ids.epoch);
      this.counts.loadedRows = copy.rows.count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.counts.failures += 1;
      this.refused = error instanceof DumpUnusable ? error.message : 'unreadable';
    }
  }

  /** Begins a dump if one is due. */
  tick(): void {
    if (this.#options.clock.monotonic() >= this.#dueAt) void this.write();
  }

  /** Writes a dump now, unless what is held is not whole. Never rejects. */
  write(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { settings, copy, feeds, clock } = this.#options;
    this.#dueAt = clock.monotonic() + settings.everyMs;
    const generations = KINDS.map((kind) => feeds[kind].generation);
    const isStillGood = () =>
      KINDS.every((kind, i) => feeds[kind].isSettled && feeds[kind].generation === generations[i]);
    if (!isStillGood()) return;
    try {
      const written = await writeDump(settings.path, copy, () => this.#meta(), isStillGood);
      if (written) this.counts.written += 1;
    } catch {
      this.counts.failures += 1;
    }
  }

  #meta(): Meta {
    const { settings, copy, policies, feeds, clock } = this.#options;
    const ageMs = Math.max(feeds.ids.ageMs, feeds.statuses.ageMs);
    const place = ({ epoch, cursor, position, reach }: Feed) => {
      return { epoch, cursor: Buffer.from(cursor).toString('base64'), position, reach };
    };
    return {
      source: settings.source,
      exactAtMs: clock.now() - ageMs,
      regions: copy.regions.names,
      policy: Buffer.from(policies.bytes).toString('base64'),
      feeds: { ids: place(feeds.ids), statuses: place(feeds.statuses) },
    };
  }
}
