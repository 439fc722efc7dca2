import { createHmac, type KeyObject } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { rowsOf } from './compact.ts';
import type { Db } from './database.ts';

/** A line of the journal. What is not known is left out. */
export type JournalEntry = {
  kind: 'transition' | 'binding' | 'intent' | 'outcome' | 'lookup';
  parkId?: string;
  driverId?: string;
  person?: string | null;
  /** See `accountHash`. */
  account?: string | undefined;
  direction?: 'connected' | 'disconnected' | undefined;
  outcome?: string;
  reason?: string | undefined;
  region?: string | null | undefined;
  leaseToken?: number;
  happenedAt?: Date | null | undefined;
  receivedAt?: Date;
  /** Of a call, milliseconds since 1970. */
  sentAt?: number;
  answeredAt?: number;
  /** Facts beyond the columns. No personal data. */
  detail?: Record<string, unknown> | undefined;
};

/** The key of the hash of ids. A `KeyObject` is for those who hash with every report: it is made ready once. */
export type JournalKey = string | KeyObject;

/**
 * The keyed hash under which a deptrans id stands in the journal, in hexadecimal digits. Whoever has the key can look an id up; nobody can read one out.
 */
export function accountHash(key: JournalKey, deptransId: string): string {
  return createHmac('sha256', key).update(deptransId).digest('hex').slice(0, 32);
}

/** Appends lines, all stamped with the database's time. */
export async function appendJournal(tx: Db, entries: readonly JournalEntry[]): Promise<void> {
  await journalLines(entries)?.execute(tx);
}

const given = rowsOf<JournalEntry>('g', {
  kind: ['text', (e) => e.kind],
  park_id: ['text', (e) => e.parkId],
  driver_id: ['text', (e) => e.driverId],
  driver_license_pd_id: ['text', (e) => e.person],
  account: ['text', (e) => e.account],
  direction: ['text', (e) => e.direction],
  outcome: ['text', (e) => e.outcome],
  reason: ['text', (e) => e.reason],
  region: ['text', (e) => e.region],
  lease_token: ['bigint', (e) => e.leaseToken],
  happened_at: ['float8', (e) => e.happenedAt?.getTime()],
  received_at: ['float8', (e) => e.receivedAt?.getTime()],
  sent_at: ['float8', (e) => e.sentAt],
  answered_at: ['float8', (e) => e.answeredAt],
  detail: ['jsonb', (e) => e.detail && JSON.stringify(e.detail)],
});

/** The statement that appends lines; null if there is none. */
export function journalLines(entries: readonly JournalEntry[]): RawBuilder<unknown> | null {
  if (entries.length === 0) return null;
  return sql`/* journal.append */
    insert into deptrans.journal (at, kind, park_id, driver_id, driver_license_pd_id, account, direction, outcome, reason, region, lease_token,
      happened_at, received_at, sent_at, answered_at, detail)
    select deptrans.now(), kind, park_id, driver_id, driver_license_pd_id, decode(account, 'hex'), direction, outcome, reason, region, lease_token,
           to_timestamp(happened_at / 1000), to_timestamp(received_at / 1000), to_timestamp(sent_at / 1000), to_timestamp(answered_at / 1000),
           detail
      from ${given(entries)}`;
}
