import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

/** What a table holds at a moment, and what has been done to it until then. */
export type TableState = {
  bytes: number;
  heapMb: number;
  indexesMb: number;
  toastMb: number;
  /** As the statistics know them. */
  liveRows: number;
  deadRows: number;
  inserted: number;
  deleted: number;
  updated: number;
  /** Updates that touched no index. */
  updatedInPlace: number;
  vacuums: number;
};

/** Of each table of the service; a day of a partitioned one is a table. */
export async function readTables(db: Db): Promise<Map<string, TableState>> {
  const { rows } = await sql<TableState & { name: string }>`
    select c.relname as name, pg_total_relation_size(c.oid)::float8 as bytes, pg_relation_size(c.oid) / 1e6::float8 as "heapMb",
           pg_indexes_size(c.oid) / 1e6::float8 as "indexesMb", coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) / 1e6::float8 as "toastMb",
           s.n_live_tup::float8 as "liveRows", s.n_dead_tup::float8 as "deadRows", s.n_tup_ins::float8 as inserted, s.n_tup_del::float8 as deleted,
           s.n_tup_upd::float8 as updated, s.n_tup_hot_upd::float8 as "updatedInPlace", (s.vacuum_count + s.autovacuum_count)::float8 as vacuums
      from pg_class c join pg_stat_user_tables s on s.relid = c.oid
     where c.relnamespace = 'deptrans'::regnamespace and c.relkind = 'r'`.execute(db);
  return new Map(rows.map(({ name, ...state }) => [name, state]));
}

/** What keeps everything for a time that is far longer than a run, and grows by that until then. */
const kept = /^(journal|session_history|feed_log)/;
/** Below this a table is some pages. */
const leastBytes = 1_000_000;
/** Of how many tables all is told. */
const told = 3;

export type Growth = { tables: number; keptTables: number; beside: Record<string, number> };

/** How much tables grew between two readings: the greatest ratio, that of those that keep what happened, and all about those that grew most. */
export function growthOf(before: ReadonlyMap<string, TableState>, after: ReadonlyMap<string, TableState>): Growth {
  const grown = [...after]
    .filter(([, { bytes }]) => bytes > leastBytes)
    .map(([name, now]) => ({ name, now, ratio: now.bytes / Math.max(before.get(name)?.bytes ?? 0, leastBytes) }))
    .sort((a, b) => b.ratio - a.ratio);
  const judged = grown.filter(({ name }) => !kept.test(name));
  const keeping = grown.filter(({ name }) => kept.test(name) && !name.startsWith('journal'));
  return {
    tables: Math.max(1, judged[0]?.ratio ?? 1),
    keptTables: Math.max(1, keeping[0]?.ratio ?? 1),
    beside: Object.fromEntries(
      judged.slice(0, told).flatMap(({ name, now, ratio }) => {
        const then = before.get(name);
        const since = (key: keyof TableState) => now[key] - (then?.[key] ?? 0);
        const figures = {
          growth: ratio,
          heapMb: now.heapMb,
          heapMbMore: since('heapMb'),
          indexesMb: now.indexesMb,
          indexesMbMore: since('indexesMb'),
          toastMb: now.toastMb,
          liveRows: now.liveRows,
          deadRows: now.deadRows,
          inserted: since('inserted'),
          deleted: since('deleted'),
          updated: since('updated'),
          updatedInPlace: since('updatedInPlace'),
          vacuums: since('vacuums'),
        };
        return Object.entries(figures).map(([figure, value]) => [`${name}.${figure}`, value] as const);
      }),
    ),
  };
}
