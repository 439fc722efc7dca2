import { type RawBuilder, sql } from 'kysely';
import type { Random } from '../../simulator/random.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { type Changed, publish } from '../../src/store/publish.ts';
import { addPeople, makeChange, putBindings, putSessions, STATUSES } from './changes.ts';
import { checksumOf } from './history.ts';
import type { Commit, Kind, Version } from './truth.ts';

/** Writes changes to the feed's tables, and keeps what each commit made of the records, read back before it. */
export type Writer = {
  /** People with two profiles each; most have a session and an id. */
  populate(people: number): Promise<void>;
  /** One random commit. Returns how many rows it changed. Throws what the database throws. */
  writeOnce(random: Random): Promise<number>;
  /** What was committed; those of which the answer was lost are in it if the log has them. */
  commits(): Promise<Commit[]>;
};

export function openWriter(db: Db): Writer {
  const sure: Commit[] = [];
  const doubtful: Commit[] = [];
  let people: number[] = [];

  const write = async (change: (tx: Db) => Promise<Changed>): Promise<number> => {
    let made: Commit | null = null;
    try {
      await inTransaction(db, async (tx) => {
        const changed = await change(tx);
        const seq = await publish(tx, changed);
        if (seq !== null) made = await readBack(tx, changed, seq);
      });
    } catch (error) {
      if (made !== null) doubtful.push(made);
      throw error;
    }
    const commit = made as Commit | null;
    if (commit === null) return 0;
    sure.push({ ...commit, knownAtMs: Date.now() });
    return commit.seq - commit.after;
  };

  return {
    async populate(count) {
      await write(async (tx) => {
        const added = await addPeople(tx, count);
        people = added.people;
        return added.changed;
      });
      await write((tx) => putSessions(tx, people.slice(0, count * 0.8), 'online', 'moscow', false));
      await write((tx) => putBindings(tx, people.slice(0, count * 0.6), true));
    },
    writeOnce: (random) => write((tx) => makeChange(tx, random, people, 8)),
    async commits() {
      const { rows } = await sql<{ seq: number }>`select seq from deptrans.feed_log
        where seq = any(${doubtful.map(({ seq }) => seq)}::bigint[])`.execute(db);
      const found = new Set(rows.map(({ seq }) => seq));
      return [...sure, ...doubtful.filter(({ seq }) => found.has(seq))];
    },
  };
}

type Row = { key: string; seq: number; deleted: boolean; region: string } & Record<string, string | boolean | null>;

/** What a commit makes of the records that it touches: nobody else can publish before it ends. */
async function readBack(tx: Db, changed: Changed, seq: number): Promise<Commit> {
  const { sessions = [], bindings = [], profiles = [] } = changed;
  const after = seq - sessions.length - bindings.length - profiles.length;
  const touched = (people: readonly number[]) =>
    sql<boolean>`(p.profile_no = any(${[...profiles]}::int[]) or p.person_no = any(${[...people]}::int[]))`;
  const versions = {
    ids: await readVersions(tx, 'ids', touched(bindings), after),
    statuses: await readVersions(tx, 'statuses', touched(sessions), after),
  };
  return { after, seq, knownAtMs: Number.POSITIVE_INFINITY, versions };
}

/** The records as the database has them, of profiles `p` for which `condition` holds, with numbers above `after`. */
export async function readVersions(
  tx: Db,
  kind: Kind,
  condition: RawBuilder<boolean>,
  after: number,
): Promise<Version[]> {
  const micros = (column: string) => sql`(extract(epoch from ${sql.ref(column)}) * 1000000)::bigint::text`;
  const query =
    kind === 'ids'
      ? sql<Row>`select p.park_id || '/' || p.driver_id as key, greatest(p.seq, b.seq) as seq, p.deleted, '' as region,
          coalesce(p.driver_license_pd_id, '') as a, ${micros('b.updated_at')} as b, b.deptrans_id is not null as c, coalesce(b.deptrans_id, '') as d
          from deptrans.driver_persons p left join deptrans.profiles b on b.person_no = p.person_no
         where ${condition} and greatest(p.seq, b.seq) > ${after}`
      : sql<Row>`select p.park_id || '/' || p.driver_id as key, greatest(p.seq, s.seq) as seq,
          p.deleted or s.person_no is null or s.deleted as deleted, coalesce(s.region, '') as region,
          coalesce(p.driver_license_pd_id, '') as a, ${micros('s.updated_at')} as b, s.session_status as c, ${micros('s.ended_at')} as d,
          s.end_is_estimate as e, coalesce(s.region, '') as f
          from deptrans.driver_persons p left join deptrans.session_statuses s on s.person_no = p.person_no
         where ${condition} and greatest(p.seq, s.seq) > ${after}`;
  return (await query.execute(tx)).rows.map(({ key, seq, deleted, region, a, b, c, d, e, f }) => {
    const fields = kind === 'ids' ? [a!, b!, c!, d!] : [a!, b!, String(STATUSES.indexOf(String(c)) + 1), d!, e!, f!];
    return { key, seq, deleted, region, value: deleted ? 0 : checksumOf(fields) };
  });
}
