import { setImmediate } from 'node:timers/promises';
import { type Db, inTransaction } from '../store/database.ts';
import { holdTerm } from '../store/leaders.ts';
import {
  readLastSupplyHour,
  readSupplyHistory,
  type StoredStretch,
  writeSupplyHistory,
  writingSupplyNow,
} from '../store/supply-figures.ts';
import { readSupplyDigests, writingSupplyTurns } from '../store/supply-intervals.ts';
import { together } from '../store/together.ts';
import type { Census } from './census.ts';
import { joinFigures, type RegionFigures } from './figures.ts';
import type { Standing } from './readings.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Turns written in one transaction. */
const TURNS = 2_000;
/** States read in one statement. */
const DIGESTS = 5_000;
/** Hours are made of minutes as long as there are any. */
const MINUTES_KEPT = 7 * DAY;

/**
 * Writes what a census counts: what is so now and who has turned, each minute as it goes, and each hour of its minutes when it is over. Whoever is not the leader of the term
 * any more writes nothing. A minute that somebody else has begun is gone on with, and says for how much of it somebody counted.
 */
export type History = {
  /** Where the minute ends that is being counted. */
  readonly minuteEnds: number;
  /** Writes the minute up to `now`; at its end the next begins. False: another leads. */
  writeMinute(now: number): Promise<boolean>;
  /** Writes what is so now, and whoever has turned. False: another leads. */
  writeNow(now: number, standing: Standing): Promise<boolean>;
};

export type HistoryParts = { db: Db; leader: string; term(): number; census: Census };

type Begun = Map<string, { coveredMs: number; figures: RegionFigures }>;

/** Begins to count at `now`. */
export async function openHistory({ db, leader, term, census }: HistoryParts, now: number): Promise<History> {
  let minute = floor(now, MINUTE);
  let since = now;
  let begun = await readBegun(db, minute);
  census.resetTime(now);
  await census.trail.reconcile(await readRecorded(db), now, () => setImmediate());
  await writeHours(db, leader, term(), minute);

  const asLeader = (write: (tx: Db) => Promise<void>) =>
    inTransaction(
      db,
      async (tx) => {
        const holds = await holdTerm(tx, leader, term());
        if (holds) await write(tx);
        return holds;
      },
      { asyncCommit: true },
    );

  const rowsAt = (at: number): StoredStretch[] =>
    [...census.figures(at)].map(([region, figures]) => {
      const before = begun.get(region);
      return {
        region,
        at: new Date(minute),
        coveredMs: at - since + (before?.coveredMs ?? 0),
        figures: before ? joinFigures(before.figures, figures) : figures,
      };
    });

  return {
    get minuteEnds() {
      return minute + MINUTE;
    },
    async writeMinute(now) {
      const end = Math.min(now, minute + MINUTE);
      if (!(await asLeader((tx) => writeSupplyHistory(tx, 'minute', rowsAt(end))))) return false;
      if (end < minute + MINUTE) return true;
      minute = end;
      since = end;
      begun = new Map();
      census.resetTime(end);
      if (minute % HOUR === 0) await writeHours(db, leader, term(), minute);
      return true;
    },
    async writeNow(at, { policyVersion, unplaced, figures }) {
      const { trail } = census;
      const rows = [...figures].map(([region, its]) => ({ region, policyVersion, unplaced, figures: its }));
      for (;;) {
        const turns = trail.turns.slice(0, TURNS);
        const isLast = turns.length === trail.turns.length;
        const holds = await asLeader(async (tx) => {
          await together(tx, 'supply.write', [
            turns.length > 0 ? writingSupplyTurns(turns) : null,
            isLast ? writingSupplyNow(rows, at) : null,
          ]);
        });
        if (!holds) return false;
        trail.forget(turns.length);
        if (isLast) return true;
      }
    },
  };
}

/** Stretches of a time joined to longer ones, each under the moment at which it begins. */
export function joinStretches(stretches: readonly StoredStretch[], ms: number): StoredStretch[] {
  const joined = new Map<string, StoredStretch>();
  for (const { region, at, coveredMs, figures } of stretches) {
    const begins = floor(at.getTime(), ms);
    const before = joined.get(`${region}/${begins}`);
    joined.set(`${region}/${begins}`, {
      region,
      at: new Date(begins),
      coveredMs: coveredMs + (before?.coveredMs ?? 0),
      figures: before ? joinFigures(before.figures as RegionFigures, figures as RegionFigures) : figures,
    });
  }
  return [...joined.values()];
}

async function readBegun(db: Db, minute: number): Promise<Begun> {
  const rows = await readSupplyHistory(db, { step: 'minute', from: minute, to: minute + MINUTE });
  return new Map(
    rows.map(({ region, coveredMs, figures }) => [region, { coveredMs, figures: figures as RegionFigures }]),
  );
}

/** The states that last, by person, as their digests. */
async function readRecorded(db: Db): Promise<Map<number, number>> {
  const recorded = new Map<number, number>();
  for (let after = -(2 ** 31); ; ) {
    const page = await readSupplyDigests(db, after, DIGESTS);
    for (const [no, digest] of page) recorded.set(no, digest);
    if (page.length < DIGESTS) return recorded;
    after = page.at(-1)![0];
  }
}

/** Makes hours of the minutes of those that are over, an hour at a time. */
async function writeHours(db: Db, leader: string, term: number, now: number): Promise<void> {
  const last = await readLastSupplyHour(db);
  const first = Math.max(last + HOUR, floor(now - MINUTES_KEPT, HOUR));
  for (let from = first; from + HOUR <= now; from += HOUR) {
    const minutes = await readSupplyHistory(db, { step: 'minute', from, to: from + HOUR });
    if (minutes.length === 0) continue;
    await inTransaction(db, async (tx) => {
      if (await holdTerm(tx, leader, term)) await writeSupplyHistory(tx, 'hour', joinStretches(minutes, HOUR));
    });
  }
}

function floor(at: number, ms: number): number {
  return at - (at % ms);
}
