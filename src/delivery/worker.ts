import { desiredLevel, type EligibilityLimits, type Positions } from '../domain/eligibility.ts';
import { mayHaveTakenEffect } from '../domain/outcome.ts';
import { type Plan, planFor } from '../domain/plan.ts';
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
import type { Batcher } from '../runtime/batcher.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClaimedLook } from '../store/claim.ts';
import type { Intent, WrittenIntent } from '../store/intent.ts';
import { accountHash, type JournalEntry, type JournalKey } from '../store/journal.ts';
import type { SettleItem } from '../store/settle.ts';
import type { Exchanges } from './exchange.ts';

export type WorkerLimits = SettlementLimits &
  EligibilityLimits & {
    /** An event older than this is not told as fresh. */
    maxAgeMs: number;
    /** Of one call to the regulator, all in all. */
    deadlineMs: number;
    /** A call begins no later than this after its intent was handed to the database. */
    slackMs: number;
  };

export type WorkerParts = {
  exchanges: Exchanges;
  intents: Batcher<Intent, WrittenIntent | null>;
  settlements: Batcher<SettleItem, void>;
  limits: WorkerLimits;
  journalKey: JournalKey;
  clock: Clock;
  /** Told what each reading of the regulator showed. */
  onReading(result: ReadingResult): void;
};

/** `differs`: the regulator knew something else than we believed, without any doubt on our side. */
export type ReadingResult = 'as_believed' | 'differs' | 'over' | 'doubt_ended';

/**
 * Brings one claimed account to its end: reads the regulator if something is in doubt, decides, writes the intent, calls, settles.
 * At most one report goes out under a lease, and none before its intent is durable.
 */
export function workOn(
  look: ClaimedLook,
  rules: Rules,
  positions: Positions,
  parts: WorkerParts,
  signal: AbortSignal,
): Promise<void> {
  if (needsReading(look, parts.limits)) return readFirst(look, rules, positions, parts, signal);
  return act(look, undefined, [], rules, positions, parts, signal);
}

async function readFirst(
  look: ClaimedLook,
  rules: Rules,
  positions: Positions,
  parts: WorkerParts,
  signal: AbortSignal,
): Promise<void> {
  const { exchanges, settlements, limits } = parts;
  const { outcome, entry } = await exchanges.read(look, signal);
  const journal: JournalEntry[] = [];
  if (entry) journal.push({ ...entry, account: accountHash(parts.journalKey, look.account.deptransId) });
  const account = applyReading(look, outcome, limits);
  if (!account) {
    const settlement = settleFailedReading(look, outcome, limits);
    await settlements.add({ look, settlement, mayHaveTakenEffect: false, journal });
    return;
  }
  const result = resultOf(look.account, account);
  parts.onReading(result);
  if (result === 'differs' && journal[0]) {
    journal[0].reason = 'differs';
    journal[0].direction = account.believed ? 'connected' : 'disconnected';
  }
  const session = outcome.kind === 'accepted' ? outcome.value : undefined;
  await act({ ...look, account }, session, journal, rules, positions, parts, signal);
}

/** Decides and does it. `session`: what the regulator was read to say. */
function act(
  look: ClaimedLook,
  session: Session | null | undefined,
  journal: JournalEntry[],
  rules: Rules,
  positions: Positions,
  parts: WorkerParts,
  signal: AbortSignal,
): Promise<void> {
  const { settlements, limits } = parts;
  const plan = planFor(look, desiredLevel(look, rules, positions, limits), limits.maxAgeMs);
  if (plan.kind === 'report') return report(look, plan, session, journal, parts, signal);
  const settlement = withReading(settleWithoutCall(look, plan, limits), session);
  return settlements.add({ look, settlement, mayHaveTakenEffect: false, journal });
}

function resultOf(before: Account, after: Account): ReadingResult {
  if (before.doubt) return 'doubt_ended';
  if (before.believed !== after.believed) return 'differs';
  return after.sessionOverAt && !before.sessionOverAt ? 'over' : 'as_believed';
}

async function report(
  look: ClaimedLook,
  plan: Extract<Plan, { kind: 'report' }>,
  session: Session | null | undefined,
  journal: JournalEntry[],
  { exchanges, intents, settlements, limits, journalKey, clock }: WorkerParts,
  signal: AbortSignal,
): Promise<void> {
  const began = clock.monotonic();
  const account = accountHash(journalKey, look.account.deptransId);
  const written = await intents.add({
    deptransId: look.account.deptransId,
    account,
    person: look.owner?.person ?? null,
    token: look.token,
    direction: plan.direction,
    happenedAt: plan.happenedAt,
    region: plan.region,
    leaseMs: limits.deadlineMs + limits.slackMs + limits.quietMs,
  });
  if (!written) return; // the lease is over: whoever has it now decides anew
  const { outcome, entry } = await exchanges.report(look, plan, written.occurredAt, began + limits.slackMs, signal);
  if (entry) {
    entry.account = account;
    journal.push(entry);
  }
  const endedMs = clock.monotonic() - began + (outcome.kind === 'unknown' ? leftOf(limits.deadlineMs, entry) : 0);
  const now = new Date(written.writtenAt.getTime() + endedMs);
  await settlements.add({
    look,
    settlement: withReading(settleReport(look, plan, outcome, now, limits), session),
    mayHaveTakenEffect: mayHaveTakenEffect(outcome),
    journal,
  });
}

/** However early a call is lost sight of, its request may live as if it had waited for its deadline: the quiet time begins then. */
function leftOf(deadlineMs: number, entry: JournalEntry | null): number {
  if (!entry?.sentAt || !entry.answeredAt) return deadlineMs;
  return Math.max(0, deadlineMs - (entry.answeredAt.getTime() - entry.sentAt.getTime()));
}

/** What was read before is told with the settlement, unless the report's own answer is newer. */
function withReading(settlement: Settlement, session: Session | null | undefined): Settlement {
  return session === undefined || settlement.session !== undefined ? settlement : { ...settlement, session };
}
