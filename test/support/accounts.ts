import type { Account, Look } from '../../src/domain/report.ts';
import type { SettlementLimits } from '../../src/domain/settlement.ts';

export const NOW = new Date('2026-01-10T12:00:00Z');
export const MINUTE = 60_000;
export const inMinutes = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);

/** An account about which nothing is known yet. */
export const fresh: Account = {
  deptransId: '7',
  believed: false,
  doubt: false,
  parkedReason: null,
  parkUntil: null,
  parkCount: 0,
  attempts: 0,
  region: null,
  sessionId: null,
  sessionEnd: null,
  sessionOverAt: null,
  sessionReadAt: null,
  rereadAt: null,
  outsideSince: null,
  verifyAt: null,
  lastSentAt: null,
  lastTarget: null,
};

export const lookAt = (account: Partial<Account>, rest: Partial<Look> = {}): Look => ({
  account: { ...fresh, ...account },
  owner: { person: 'ann', personNo: 1 },
  profiles: [],
  now: NOW,
  ...rest,
});

export const settlementLimits: SettlementLimits = {
  quietMs: MINUTE / 2,
  verifyAfterMs: 10 * MINUTE,
  positionRetryMs: MINUTE / 2,
  parkMs: 15 * MINUTE,
  maxParkMs: 360 * MINUTE,
  retryMs: MINUTE,
  maxRetryMs: 60 * MINUTE,
  maxRetryAfterMs: 10 * MINUTE,
  sessionEndSlackMs: MINUTE,
  refreshMs: 15 * MINUTE,
  issuedReadMs: 5_000,
  canReadSession: true,
  ordersByOccurredAt: false,
  repeatIsHarmless: true,
};
