import { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import type { Session } from '../domain/session.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Asked } from './moscow-shift.ts';
import { readAnswer, readReportBody, type WireAnswer } from './moscow-wire.ts';
import type { Report } from './regulator.ts';

/** What became of a batch: an outcome for each report; or the regulator takes none like it (`too_large`, or none at all). */
export type BatchReading = { outcomes: Outcome<Session | null>[] } | 'too_large' | 'no_batches';

const batchBody = z.object({ results: z.array(z.unknown()) });
const item = z.object({ driverId: z.union([z.string(), z.int().transform(String)]) });

export function batchRequest(reports: readonly Report[]): unknown {
  return reports.map(({ deptransId, direction, occurredAt }) => ({
    driverId: deptransId,
    event: direction === 'connected' ? 'CONNECTED' : 'DISCONNECTED',
    occurredAt: occurredAt.toISOString(),
  }));
}

/**
 * Reads the answer to a batch. A report that it leaves out, or tells of twice, may have taken effect or not. An answer that turns the whole batch
 * down says nothing of its drivers: none is held against them.
 */
export function readBatch(
  answer: WireAnswer,
  reports: readonly Report[],
  asked: Omit<Asked, 'deptransId'>,
): Outcome<BatchReading> {
  if (answer.status === 413) return { kind: 'accepted', value: 'too_large' };
  if ([404, 405, 501].includes(answer.status)) return { kind: 'accepted', value: 'no_batches' };
  const read = readAnswer(answer);
  if (read.kind === 'rejected') return { kind: 'accepted', value: 'no_batches' };
  if (read.kind === 'already') return { kind: 'unknown', reason: 'unrecognised_error' };
  if (read.kind !== 'body') return read;
  const parsed = batchBody.safeParse(read.body);
  if (!parsed.success) return { kind: 'unknown', reason: 'unreadable' };
  const told = Map.groupBy(parsed.data.results, (result) => item.safeParse(result).data?.driverId);
  const outcomes = reports.map(({ deptransId }): Outcome<Session | null> => {
    const results = told.get(deptransId) ?? [];
    return results.length === 1
      ? readReportBody(results[0], { ...asked, deptransId })
      : { kind: 'unknown', reason: 'left_out' };
  });
  return { kind: 'accepted', value: { outcomes } };
}

/** How many reports a batch may have, as far as we know; 1: the regulator takes none. Asked anew some time after it said so. */
export type BatchSize = { readonly now: number; learn(reading: BatchReading, size: number): void };

const ASK_AGAIN_MS = 3_600_000;

export function openBatchSize(max: number, clock: Clock): BatchSize {
  let size = max;
  let refusedAt = Number.NEGATIVE_INFINITY;
  return {
    get now() {
      if (size < max && clock.monotonic() - refusedAt > ASK_AGAIN_MS) size = max;
      return size;
    },
    learn(reading, sent) {
      if (typeof reading === 'object') return;
      size = reading === 'too_large' ? Math.min(size, Math.max(1, sent >> 1)) : 1;
      refusedAt = clock.monotonic();
    },
  };
}
