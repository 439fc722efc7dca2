import { desiredLevel, type EligibilityLimits, type Positions } from '../domain/eligibility.ts';
import { mayHaveTakenEffect } from '../domain/outcome.ts';
import { planFor } from '../domain/plan.ts';
import { needsReading } from '../domain/reading.ts';
import type { Rules } from '../domain/region.ts';
import type { Account } from '../domain/report.ts';
import type { Session } from '../domain/session.ts';
import {
  applyReading,
  type Settlement,
  type SettlementLimits,
  settleFailedReading,
  settleReport,
  settleWithoutCall,
} from '../domain/settlement.ts';
import { openBatcher } from '../runtime/batcher.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClaimedLook } from '../store/claim.ts';
import type { Intent, WrittenIntent } from '../store/intent.ts';
import { accountHash, type JournalEntry, type JournalKey } from '../store/journal.ts';
import type { SettleItem } from '../store/settle.ts';
import type { Exchange, Exchanges } from './exchange.ts';
import type { Pace } from './pace.ts';
import { type Claimed, type Steps, Work } from './work.ts';

export type WorkerLimits = SettlementLimits &
  EligibilityLimits & {
    /** An event older than this is not told as fresh. */
    maxAgeMs: number;
    /** Of one call to the regulator, all in all. */
    deadlineMs: number;
    /** A call begins no later than this after its intent was handed to the database. */
    slackMs: number;
    /** Accounts whose intents are written together, and that are settled together, at most. */
    batch: number;
  };

export type WorkerParts = {
  exchanges: Exchanges;
  /** See `store/intent`. */
  writeIntents(intents: readonly Intent[]): Promise<(WrittenIntent | null)[]>;
  settle(items: readonly SettleItem[]): Promise<void>;
  /** How long an account whose work is done waits for others to be settled with. */
  settleLingerMs(): number;
  limits: WorkerLimits;
  journalKey: JournalKey;
  clock: Clock;
  /** Told what each reading of the regulator showed. */
  onReading(result: ReadingResult): void;
  /** Told that accounts were left where they stood: their leases end, and whoever claims them then decides anew. */
  onFailure(looks: readonly ClaimedLook[], error: unknown): void;
  /** Told of each account, once, that it is going to call, and once that it makes no call any more. */
  pace: Pick<Pace, 'decided' | 'leave'>;
};

/** `differs`: the regulator knew something else than we believed, without any doubt on our side. */
export type ReadingResult = 'as_believed' | 'differs' | 'over' | 'doubt_ended';

/**
 * Brings accounts that were claimed together to their end, each by itself: reads the regulator if something is in doubt, decides, writes the intent,
 * calls, settles. At most one report goes out under a lease, and none before its intent is durable. Resolves when the last has ended; never rejects.
 */
export type Worker = {
  workOn(looks: readonly ClaimedLook[], rules: Rules, positions: Positions, signal: AbortSignal): Promise<void>;
};

export function openWorker(parts: WorkerParts): Worker {
  const { exchanges, limits, journalKey, clock, pace } = parts;

  const intents = openBatcher<Work>({
    maxSize: limits.batch,
    lingerMs: 1,
    async run(works) {
      const began = clock.monotonic();
      const written = await parts.writeIntents(works.map(intentOf));
      for (const [i, work] of works.entries()) {
        work.began = began;
        work.written = written[i]!;
        attempt(work, call);
      }
    },
    failed: (works, error) => fail(works, error),
  });

  const settlements = openBatcher<Work>({
    maxSize: limits.batch,
    lingerMs: parts.settleLingerMs,
    async run(works) {
      await parts.settle(works);
      for (const work of works) end(work);
    },
    failed: (works, error) => fail(works, error),
  });

  const begin = (work: Work): void => {
    if (needsReading(work.look, limits)) void readFirst(work).catch((error) => fail([work], error));
    else attempt(work, act);
  };

  const readFirst = async (work: Work): Promise<void> => {
    const { look } = work;
    goesToCall(work);
    const { outcome, entry } = await exchanges.read(look, work.claimed.signal);
    if (entry) work.journal.push({ ...entry, account: accountHash(journalKey, look.account.deptransId) });
    const account = applyReading(look, outcome, limits);
    if (!account) return settle(work, settleFailedReading(look, outcome, limits), false);
    const result = resultOf(look.account, account);
    parts.onReading(result);
    if (result === 'differs' && work.journal[0]) {
      work.journal[0].reason = 'differs';
      work.journal[0].direction = account.believed ? 'connected' : 'disconnected';
    }
    work.look = { ...look, account };
    if (outcome.kind === 'accepted') work.session = outcome.value;
    act(work);
  };

  /** Decides and does it. */
  const act = (work: Work): void => {
    const { look, claimed } = work;
    const desired = desiredLevel(look, claimed.rules, claimed.positions, limits);
    const plan = planFor(look, desired, limits.maxAgeMs);
    if (plan.kind === 'report') {
      work.plan = plan;
      work.hash = accountHash(journalKey, look.account.deptransId);
      intents.add(work);
    } else settle(work, settleWithoutCall(look, plan, limits), false);
  };

  const leaseMs = limits.deadlineMs + limits.slackMs + limits.quietMs;
  const intentOf = ({ look, plan, hash }: Work): Intent => ({
    deptransId: look.account.deptransId,
    account: hash,
    person: look.owner?.person ?? null,
    token: look.token,
    direction: plan!.direction,
    happenedAt: plan!.happenedAt,
    region: plan!.region,
    leaseMs,
  });

  const call = (work: Work): void => {
    // Without one the lease is over: whoever has it now decides anew.
    if (!work.written) {
      end(work);
      return;
    }
    const wait = { startBy: work.began + limits.slackMs, signal: work.claimed.signal };
    goesToCall(work);
    exchanges.report(work.look, work.plan!, work.written.occurredAt, wait, work);
  };

  const settleExchange = (work: Work, { outcome, entry }: Exchange): void => {
    if (entry) {
      entry.account = work.hash;
      work.journal.push(entry);
    }
    const livesOnMs = outcome.kind === 'unknown' ? leftOf(limits.deadlineMs, entry) : 0;
    const now = new Date(work.written!.writtenAt + clock.monotonic() - work.began + livesOnMs);
    settle(work, settleReport(work.look, work.plan!, outcome, now, limits), mayHaveTakenEffect(outcome));
  };

  const settle = (work: Work, settlement: Settlement, hadEffect: boolean): void => {
    work.settlement = withReading(settlement, work.session);
    work.mayHaveTakenEffect = hadEffect;
    settlements.add(work);
  };

  const goesToCall = (work: Work): void => {
    if (work.standing === 'undecided') pace.decided();
    work.standing = 'calling';
  };

  const callsNoMore = (work: Work): void => {
    if (work.standing !== 'done') pace.leave(work.standing === 'undecided');
    work.standing = 'done';
  };

  const end = (work: Work): void => {
    const { claimed } = work;
    callsNoMore(work);
    work.letGo();
    claimed.left -= 1;
    if (claimed.left === 0) claimed.done();
  };

  const fail = (works: readonly Work[], error: unknown): void => {
    parts.onFailure(
      works.map(({ look }) => look),
      error,
    );
    for (const work of works) end(work);
  };

  const attempt = (work: Work, step: (work: Work) => void): void => {
    try {
      step(work);
    } catch (error) {
      fail([work], error);
    }
  };

  const steps: Steps = {
    exchanged(work, exchange) {
      callsNoMore(work);
      try {
        settleExchange(work, exchange);
      } catch (error) {
        fail([work], error);
      }
    },
    failed: (work, error) => fail([work], error),
  };

  return {
    workOn: (looks, rules, positions, signal) =>
      new Promise((done) => {
        const claimed: Claimed = { rules, positions, signal, steps, left: looks.length, done };
        if (looks.length === 0) done();
        for (const look of looks) begin(new Work(look, claimed));
      }),
  };
}

function resultOf(before: Account, after: Account): ReadingResult {
  if (before.doubt) return 'doubt_ended';
  if (before.believed !== after.believed) return 'differs';
  return after.sessionOverAt && !before.sessionOverAt ? 'over' : 'as_believed';
}

/** However early a call is lost sight of, its request may live as if it had waited for its deadline: the quiet time begins then. */
function leftOf(deadlineMs: number, entry: JournalEntry | null): number {
  if (entry?.sentAt === undefined || entry.answeredAt === undefined) return deadlineMs;
  return Math.max(0, deadlineMs - (entry.answeredAt - entry.sentAt));
}

/** What was read before is told with the settlement, unless the report's own answer is newer. */
function withReading(settlement: Settlement, session: Session | null | undefined): Settlement {
  return session === undefined || settlement.session !== undefined ? settlement : { ...settlement, session };
}
