import type { Trackstory } from '../clients/trackstory.ts';
import { candidates, type Desired, desiredLevel, type EligibilityLimits } from '../domain/eligibility.ts';
import type { Look } from '../domain/report.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type Db, inTransaction } from '../store/database.ts';
import { lead, resign } from '../store/leaders.ts';
import { readRulesVersion } from '../store/rules.ts';
import { lockUntouched, noteOutside, readSweepPage, requeueStranded } from '../store/sweep.ts';
import { wake } from '../store/wake.ts';
import { freshPositions } from './positions.ts';
import type { RulesReader } from './rules-reader.ts';

/**
 * Finds what no event tells: drivers who drove in or out, fell silent, or whom a change of the rules concerns, and, as a safety net, wakes that
 * were lost. Judges by the same pure function as delivery and only wakes: the decision is made again under a lease. One instance at a time.
 */
export type Sweep = AsyncDisposable & {
  /** A whole sweep without a pause; returns how many accounts were woken. */
  runOnce(signal: AbortSignal): Promise<number>;
  /** One round of the loop: a whole sweep if one is due or the rules changed, and this instance leads. No page begins before its turn at the bounded rate. */
  round(signal: AbortSignal): Promise<'more' | 'idle'>;
};

export type SweepLimits = EligibilityLimits & {
  /** From the begin of one sweep to the begin of the next. */
  sweepMs: number;
  /** How often to look whether a sweep is due. */
  sweepLookMs: number;
  sweepPage: number;
  /** Profiles whose positions the sweeps of the loop ask for in a second. */
  sweepPositionsPerSecond: number;
  positionMaxAgeMs: number;
  /** What the lease of a call is made of: who was busy when the rules changed is found by a later sweep. */
  deadlineMs: number;
  slackMs: number;
  quietMs: number;
};

export type SweepParts = {
  db: Db;
  trackstory: Trackstory;
  rules: RulesReader;
  limits: SweepLimits;
  instance: string;
  clock: Clock;
  log: Log;
  metrics: Metrics;
};

const LEADER = 'sweep';

/** What a wake by the sweep is called. The first three are its job; the others mean that a wake was lost. */
type Cause = 'drive_in' | 'left' | 'silent' | 'rules' | 'offline' | 'no_id' | 'tariff' | 'stranded_row';

export function openSweep({ db, trackstory, rules, limits, instance, clock, log, metrics }: SweepParts): Sweep {
  const repaired = metrics.counter('sweep_repaired_total', 'Wakes by the sweep that an event should have made', [
    'cause',
  ] as const);
  const woken = metrics.counter('sweep_woken_total', 'Wakes by the sweep', ['cause'] as const);
  let startedAt = Number.NEGATIVE_INFINITY;
  let sweptRules = -1;
  let rulesChangedAt = 0;
  const settlingMs = limits.deadlineMs + limits.slackMs + limits.quietMs + 2 * limits.sweepMs;

  const noteRepair = (cause: Cause, n: number) => {
    repaired.inc({ cause }, n);
    log.warn({ cause, n }, 'the sweep repaired what a wake should have done');
  };

  const sweepPage = async (after: string, signal: AbortSignal): Promise<SweptPage> => {
    const { looks, rulesVersion, last, versions } = await readSweepPage(db, after, limits.sweepPage);
    if (looks.length === 0) return { last, woken: 0, asked: 0 };
    const inForce = await rules.at(rulesVersion);
    const asked = looks.flatMap((look) => candidates(look, inForce, limits));
    const options = { now: looks[0]!.now, maxAgeMs: limits.positionMaxAgeMs, log, metrics, signal };
    const positions = await freshPositions(trackstory, asked, options);
    const judged = looks.map((look) => ({ look, desired: desiredLevel(look, inForce, positions, limits) }));
    await noteOutside(db, judged.flatMap(outsideNote));
    const changed = sweptRules !== rulesVersion || clock.now() - rulesChangedAt <= settlingMs;
    const causes = judged.flatMap(({ look, desired }) => {
      const onlySilent = () => candidates(look, inForce, { maxSilenceMs: Number.POSITIVE_INFINITY }).length > 0;
      const cause = causeToWake(look, desired, changed, onlySilent);
      return cause && !(isRepair(cause) && isTold(look)) ? [{ id: look.account.deptransId, cause }] : [];
    });
    const ids = causes.map(({ id }) => id);
    const untouched = await inTransaction(db, async (tx) => {
      const same = await lockUntouched(tx, ids, versions);
      await wake(tx, ids);
      return same;
    });
    for (const { id, cause } of causes) {
      if (!isRepair(cause)) woken.inc({ cause });
      else if (untouched.has(id)) noteRepair(cause, 1);
    }
    return { last, woken: causes.length, asked: asked.length };
  };

  const sweep = async (signal: AbortSignal, askedInTurn: (asked: number) => Promise<void>): Promise<number> => {
    const version = await readRulesVersion(db); // a change from here on is left to the next sweep
    if (version !== sweptRules) rulesChangedAt = clock.now();
    let sum = 0;
    for (let after: string | null = ''; after !== null && !signal.aborted; ) {
      const page = await sweepPage(after, signal);
      sum += page.woken;
      after = page.last;
      if (after !== null) await askedInTurn(page.asked);
    }
    const stranded = await inTransaction(db, (tx) => requeueStranded(tx, limits.sweepPage));
    if (stranded > 0) noteRepair('stranded_row', stranded);
    sweptRules = version;
    return sum;
  };

  return {
    runOnce: (signal) => sweep(signal, () => Promise.resolve()),
    async round(signal) {
      const due = clock.monotonic() - startedAt >= limits.sweepMs;
      if (!due && (sweptRules < 0 || (await readRulesVersion(db)) === sweptRules)) return 'idle';
      if ((await lead(db, LEADER, instance, limits.sweepMs * 2)) === null) return 'idle';
      startedAt = clock.monotonic();
      await sweep(signal, inTurn(clock, limits.sweepPositionsPerSecond, signal));
      return 'idle';
    },
    [Symbol.asyncDispose]: () => resign(db, LEADER, instance).catch(() => {}),
  };
}

type SweptPage = { last: string | null; woken: number; asked: number };

/** Waits until so many as were asked for by now are within the rate. */
function inTurn(clock: Clock, perSecond: number, signal: AbortSignal): (asked: number) => Promise<void> {
  const beganAt = clock.monotonic();
  let sum = 0;
  return async (asked) => {
    sum += asked;
    const earlyMs = beganAt + (sum * 1_000) / perSecond - clock.monotonic();
    if (earlyMs > 0) await clock.sleep(earlyMs, signal);
  };
}

/** `onlySilent`: if silence did not count, the owner would have a profile with a listed tariff. */
function causeToWake(
  { account }: Look,
  desired: Desired,
  rulesChanged: boolean,
  onlySilent: () => boolean,
): Cause | null {
  const open = account.believed || account.doubt;
  if (desired.kind === 'connected') return open || account.parkedReason ? null : 'drive_in';
  if (desired.kind === 'wait' || !(open || account.parkedReason)) return null;
  switch (desired.reason) {
    case 'outside':
      return 'left';
    case 'silent':
    case 'offline':
    case 'no_id':
      return desired.reason;
    case 'tariff':
      if (rulesChanged) return 'rules';
      return onlySilent() ? 'silent' : 'tariff';
    case 'region_off':
      return 'rules';
    default:
      return desired satisfies never;
  }
}

function isRepair(cause: Cause): boolean {
  return cause === 'offline' || cause === 'no_id' || cause === 'tariff';
}

/** A row of the queue still tells about a profile: it leads here by itself, and if it does not, it is stranded. */
function isTold({ profiles }: Look): boolean {
  return profiles.some(({ queued }) => queued !== null);
}

/** Open accounts whose driver left or came back since the last look. */
function outsideNote({ look: { account }, desired }: { look: Look; desired: Desired }) {
  if (!account.believed || desired.kind !== 'connected') return [];
  const [before, now] = [account.outsideSince?.getTime() ?? null, desired.outsideSince?.getTime() ?? null];
  return before === now ? [] : [{ deptransId: account.deptransId, since: desired.outsideSince }];
}
