import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { ERROR_REASONS, factsOf, type Reason } from './error-reasons.ts';

/**
 * The one door for errors. A service refuses with `refuse(reason)`; whatever else it throws leaves as INTERNAL and says nothing of its
 * cause. So no error text of a database, a neighbour or a parser, which may quote personal data, ever reaches a caller.
 */
export const DOMAIN = 'deptrans';

export type FieldProblem = {
  /** The field's name in the contract. */
  field: string;
  /** What is expected of it; nothing of what came. */
  description: string;
};

export type RefusalOptions = {
  /** Instead of the reason's own text. Nothing personal. */
  message?: string;
  /** When the next try is welcome. */
  retryAfterMs?: number;
  fields?: readonly FieldProblem[];
};

type Detail = { desc: DescMessage; value: Message };

/** The error to throw for a reason of the contract: its code, with ErrorInfo and, where they apply, BadRequest and RetryInfo. */
export function refuse(reason: Reason, options: RefusalOptions = {}): ConnectError {
  const facts = factsOf(reason);
  const { message = facts.message, retryAfterMs = facts.retryAfterMs, fields = [] } = options;
  const details: Detail[] = [
    detail(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason, domain: DOMAIN, metadata: facts.action ? { action: facts.action } : {} }),
    ),
  ];
  if (fields.length > 0) {
    details.push(detail(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...fields] })));
  }
  if (retryAfterMs !== undefined) {
    details.push(detail(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(retryAfterMs) })));
  }
  return new ConnectError(message, facts.code, undefined, details);
}

const plain = new WeakSet<object>();

/** An error of a contract that is not ours (health, reflection) and knows codes only. */
export function refuseWithCode(code: Code, message: string): ConnectError {
  const error = new ConnectError(message, code);
  plain.add(error);
  return error;
}

/** The reason of a refusal of ours; undefined for every other error. */
export function reasonOf(error: ConnectError): Reason | undefined {
  const info = error.isWireError ? undefined : error.findDetails(ErrorInfoSchema).find((i) => i.domain === DOMAIN);
  return info && Object.hasOwn(ERROR_REASONS, info.reason) ? (info.reason as Reason) : undefined;
}

/** Whether something that was thrown is the refusal of a reason. */
export function isRefusal(error: unknown, reason: Reason): boolean {
  return error instanceof ConnectError && reasonOf(error) === reason;
}

/** Ms until the next try is welcome, if the refusal says so. */
export function retryAfterMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
}

/**
 * Any error as what may be answered. `unexpected` tells that it was our fault and must be logged. After `signal` has aborted, errors are
 * its consequence: the caller left or its deadline passed.
 */
export function toRefusal(error: unknown, signal: AbortSignal): { refusal: ConnectError; unexpected: boolean } {
  if (signal.aborted) return { refusal: afterAbort(signal.reason), unexpected: false };
  if (error instanceof ConnectError && (reasonOf(error) || plain.has(error))) {
    return { refusal: error, unexpected: false };
  }
  return { refusal: refuse('INTERNAL'), unexpected: true };
}

function afterAbort(reason: unknown): ConnectError {
  if (reason instanceof ConnectError && reasonOf(reason)) return reason;
  const late = reason instanceof ConnectError && reason.code === Code.DeadlineExceeded;
  return late
    ? new ConnectError('The deadline passed', Code.DeadlineExceeded)
    : new ConnectError('The caller left', Code.Canceled);
}

/** Adds the text for the driver, where the reason has one: Russian, unless `acceptLanguage` prefers English. */
export function localize(error: ConnectError, acceptLanguage: string | null): void {
  const reason = reasonOf(error);
  const { ru, en } = reason ? factsOf(reason) : {};
  if (!ru || !en) return;
  const english = prefersEnglish(acceptLanguage ?? '');
  const text = create(LocalizedMessageSchema, english ? { locale: 'en', message: en } : { locale: 'ru', message: ru });
  error.details.push(detail(LocalizedMessageSchema, text));
}

/** Whether English is wanted more than Russian. What is not named, and `*`, is Russian. */
export function prefersEnglish(acceptLanguage: string): boolean {
  const weightOf = (language: string) =>
    acceptLanguage.split(',').reduce((most, range, i) => {
      const [tag = '', ...parameters] = range.trim().toLowerCase().split(';');
      if (tag.split('-', 1)[0] !== language) return most;
      const [, weight] = /^\s*q=([01](?:\.\d{1,3})?)$/.exec(parameters[0] ?? 'q=1') ?? [];
      // Of equal ones the first is meant.
      return Math.max(most, Number(weight ?? 0) - i / 1e6);
    }, 0);
  return weightOf('en') > weightOf('ru');
}

function detail(desc: DescMessage, value: Message): Detail {
  return { desc, value };
}
