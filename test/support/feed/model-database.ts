import type { Tail } from '../../../src/store/feed.ts';
import type { BindingRow, ProfileRow, SessionRow } from '../../../src/store/feed-rows.ts';

type Logged = { seq: number; prev: number; profiles: number[]; bindings: number[]; sessions: number[] };
export type Change = { profiles?: ProfileRow[]; bindings?: BindingRow[]; sessions?: SessionRow[] };

/** What a record of a stream must be, worked out from the tables in the plainest way. */
export type Expected = { parkId: string; driverId: string; seq: number; person: string; region: string };

/** The feed's tables and their log as plain maps: what PostgreSQL holds, without its time and locks. */
export class ModelDatabase {
  readonly profiles = new Map<number, ProfileRow>();
  readonly bindings = new Map<number, BindingRow>();
  readonly sessions = new Map<number, SessionRow>();
  readonly commits = new Set<bigint>([0n]);
  log: Logged[] = [];
  epoch = 'a'.repeat(32);
  floor = 0;
  #seq = 0;

  get head(): number {
    return this.log.at(-1)?.seq ?? 0;
  }

  /** Writes rows and numbers them as `deptrans.publish` does. */
  commit({ profiles = [], bindings = [], sessions = [] }: Change): void {
    const prev = this.head;
    for (const row of sessions) this.sessions.set(row.person_no, { ...row, seq: ++this.#seq });
    for (const row of bindings) this.bindings.set(row.person_no, { ...row, seq: ++this.#seq });
    for (const row of profiles) this.profiles.set(row.profile_no, { ...row, seq: ++this.#seq });
    this.commits.add(BigInt(this.#seq));
    this.log.push({
      seq: this.#seq,
      prev,
      profiles: profiles.map((row) => row.profile_no),
      bindings: bindings.map((row) => row.person_no),
      sessions: sessions.map((row) => row.person_no),
    });
  }

  /** Numbers that a transaction took and did not use. */
  rollBack(numbers: number): void {
    this.#seq += numbers;
  }

  /** Retention: the tombstone of a deleted profile goes, and the floor passes it. Only what every process has long seen (`seenThrough`). */
  collect(profileNo: number, seenThrough: number): void {
    const row = this.profiles.get(profileNo);
    if (!row?.deleted || row.seq > seenThrough) return;
    this.floor = Math.max(this.floor, row.seq);
    this.profiles.delete(profileNo);
  }

  tail(after: number, maxCommits: number): Tail {
    const commits = this.log.filter(({ seq }) => seq > after).slice(0, maxCommits);
    const rows = <R>(table: Map<number, R>, nos: number[]) => [...new Set(nos)].flatMap((no) => table.get(no) ?? []);
    return {
      epoch: this.epoch,
      floor: this.floor,
      head: this.head,
      commits: commits.map(({ seq, prev }) => ({ seq, prev, at_us: seq })),
      profiles: rows(
        this.profiles,
        commits.flatMap((c) => c.profiles),
      ),
      bindings: rows(
        this.bindings,
        commits.flatMap((c) => c.bindings),
      ),
      sessions: rows(
        this.sessions,
        commits.flatMap((c) => c.sessions),
      ),
    };
  }

  /** The live records of both streams by key. */
  expected(kind: 'ids' | 'statuses', regions: readonly string[] = []): Map<string, Expected> {
    const records = new Map<string, Expected>();
    for (const { park_id, driver_id, person_no, driver_license_pd_id, deleted, seq } of this.profiles.values()) {
      const session = person_no === null ? undefined : this.sessions.get(person_no);
      const binding = person_no === null ? undefined : this.bindings.get(person_no);
      if (deleted || (kind === 'statuses' && (!session || session.deleted))) continue;
      const region = session?.region ?? '';
      if (kind === 'statuses' && regions.length > 0 && !regions.includes(region)) continue;
      const other = (kind === 'ids' ? binding?.seq : session?.seq) ?? 0;
      const record = { parkId: park_id, driverId: driver_id, person: driver_license_pd_id ?? '' };
      const shown = { ...record, seq: Math.max(seq, other), region: kind === 'ids' ? '' : region };
      records.set(`${park_id}/${driver_id}`, shown);
    }
    return records;
  }
}
