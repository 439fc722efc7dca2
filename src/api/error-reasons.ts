import { Code } from '@connectrpc/connect';
import type { ErrorReason } from '../../gen/deptrans/v1/errors_pb.ts';

type Facts = {
  code: Code;
  /** The status on the REST paths. */
  http: number;
  /** For the developer of the client. Never anything of the request: it may be personal. */
  message: string;
  /** When to come back, if the caller of `refuse` does not know better. */
  retryAfterMs?: number;
  /** For the driver, where a driver may see it. */
  ru?: string;
  en?: string;
  /** What the app may offer, where there is something. */
  action?: Action;
};

/** Words for apps: let the driver write the id anew, sign in anew, repeat at once, repeat when Retry-After says so. */
export const ACTIONS = ['ENTER_ID', 'SIGN_IN', 'TRY_AGAIN', 'TRY_LATER'] as const;
export type Action = (typeof ACTIONS)[number];

/** Every reason of the contract (`ErrorReason` without its prefix) and how it is answered. */
export const ERROR_REASONS = {
  ID_MALFORMED: {
    code: Code.InvalidArgument,
    http: 400,
    message: 'A deptrans id is 1 to 20 digits',
    ru: 'Проверьте номер: в нём должны быть только цифры',
    en: 'Check the number: it must be digits only',
    action: 'ENTER_ID',
  },
  ID_MISMATCH: {
    code: Code.FailedPrecondition,
    http: 400,
    message: 'The id does not belong to the licence of the driver',
    ru: 'Номер не подходит к вашему водительскому удостоверению. Проверьте его и попробуйте ещё раз',
    en: 'The number does not match your driving licence. Check it and try again',
    action: 'ENTER_ID',
  },
  PROFILE_UNKNOWN: {
    code: Code.NotFound,
    http: 404,
    message: 'No such profile, or it has no licence on record yet',
    ru: 'Ваш профиль ещё не готов. Попробуйте позже',
    en: 'Your profile is not ready yet. Try again later',
    action: 'TRY_LATER',
  },
  TOO_MANY_ATTEMPTS: {
    code: Code.ResourceExhausted,
    http: 429,
    message: 'Too many attempts',
    retryAfterMs: 60_000,
    ru: 'Слишком много попыток. Попробуйте позже',
    en: 'Too many attempts. Try again later',
    action: 'TRY_LATER',
  },
  REGULATOR_UNAVAILABLE: {
    code: Code.Unavailable,
    http: 503,
    message: 'The regulator does not answer; nothing was saved',
    retryAfterMs: 10_000,
    ru: 'Сервис проверки не отвечает. Попробуйте позже',
    en: 'The checking service does not answer. Try again later',
    action: 'TRY_LATER',
  },
  NEIGHBOUR_UNAVAILABLE: {
    code: Code.Unavailable,
    http: 503,
    message: 'The licence of the driver cannot be read now; nothing was saved',
    retryAfterMs: 5_000,
    ru: 'Не получилось. Попробуйте ещё раз через минуту',
    en: 'That did not work. Try again in a minute',
    action: 'TRY_LATER',
  },
  SERVICE_DEGRADED: {
    code: Code.Unavailable,
    http: 503,
    message: 'The service has no data to answer from now',
    retryAfterMs: 2_000,
    ru: 'Не получилось. Попробуйте ещё раз через минуту',
    en: 'That did not work. Try again in a minute',
    action: 'TRY_LATER',
  },
  CONFLICT: {
    code: Code.Aborted,
    http: 409,
    message: 'The binding was changed by another request at the same time; try again',
    ru: 'Не получилось. Попробуйте ещё раз',
    en: 'That did not work. Try again',
    action: 'TRY_AGAIN',
  },
  CREDENTIALS_MISSING: {
    code: Code.Unauthenticated,
    http: 401,
    message: 'The request does not say who it comes from',
    ru: 'Войдите в приложение ещё раз',
    en: 'Sign in again',
    action: 'SIGN_IN',
  },
  CREDENTIALS_INVALID: {
    code: Code.Unauthenticated,
    http: 401,
    message: 'The token is not valid here, or not any more',
    ru: 'Войдите в приложение ещё раз',
    en: 'Sign in again',
    action: 'SIGN_IN',
  },
  POLICY_UNKNOWN: {
    code: Code.NotFound,
    http: 404,
    message: 'No version of the policy has that number',
  },
  NOT_ALLOWED: {
    code: Code.PermissionDenied,
    http: 403,
    message: 'The caller is known, and this is not for it to call',
    ru: 'Войдите в приложение ещё раз',
    en: 'Sign in again',
    action: 'SIGN_IN',
  },
  REQUEST_MALFORMED: { code: Code.InvalidArgument, http: 400, message: 'The request does not fit the contract' },
  CURSOR_MALFORMED: { code: Code.InvalidArgument, http: 400, message: 'This service never made such a cursor' },
  CURSOR_AHEAD: {
    code: Code.Unavailable,
    http: 503,
    message: 'The cursor is ahead of this instance; try again',
    retryAfterMs: 500,
  },
  FILTER_UNKNOWN: { code: Code.InvalidArgument, http: 400, message: 'No such region is configured' },
  LIMIT_OUT_OF_RANGE: {
    code: Code.InvalidArgument,
    http: 400,
    message: 'A size, a wait, a time or a bucket is outside its limits',
  },
  SHUTTING_DOWN: {
    code: Code.Unavailable,
    http: 503,
    message: 'This instance is stopping; reconnect',
    retryAfterMs: 500,
  },
  STREAM_AGED: {
    code: Code.Unavailable,
    http: 503,
    message: 'The stream has reached its greatest age; reconnect with its cursor',
    retryAfterMs: 500,
  },
  TOO_MANY_STREAMS: {
    code: Code.ResourceExhausted,
    http: 429,
    message: 'This instance has as many streams as it takes',
    retryAfterMs: 5_000,
  },
  SNAPSHOTS_BUSY: {
    code: Code.Unavailable,
    http: 503,
    message: 'This instance sends as many snapshots as it can at once',
    retryAfterMs: 1_000,
  },
  INTERNAL: {
    code: Code.Internal,
    http: 500,
    message: 'Internal error; the log has it under x-request-id',
    ru: 'Не получилось. Попробуйте ещё раз через минуту',
    en: 'That did not work. Try again in a minute',
    action: 'TRY_LATER',
  },
} as const satisfies Record<Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>, Facts>;

export type Reason = keyof typeof ERROR_REASONS;

export function factsOf(reason: Reason): Facts {
  return ERROR_REASONS[reason];
}
