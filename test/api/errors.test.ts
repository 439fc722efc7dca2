import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { ErrorReasonSchema } from '../../gen/deptrans/v1/errors_pb.ts';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { ERROR_REASONS, factsOf, type Reason } from '../../src/api/error-reasons.ts';
import { localize, reasonOf, refuse, refuseWithCode, retryAfterMsOf, toRefusal } from '../../src/api/errors.ts';

const FOR_DRIVERS: Reason[] = [
  'ID_MALFORMED',
  'ID_MISMATCH',
  'PROFILE_UNKNOWN',
  'TOO_MANY_ATTEMPTS',
  'REGULATOR_UNAVAILABLE',
  'NEIGHBOUR_UNAVAILABLE',
  'SERVICE_DEGRADED',
  'CONFLICT',
  'CREDENTIALS_MISSING',
  'CREDENTIALS_INVALID',
  'NOT_ALLOWED',
  'INTERNAL',
];

const live = new AbortController().signal;

test('the table holds every reason of the contract', () => {
  const contract = ErrorReasonSchema.values
    .map(({ name }) => name.replace('ERROR_REASON_', ''))
    .filter((n) => n !== 'UNSPECIFIED');
  expect(Object.keys(ERROR_REASONS).sort()).toEqual(contract.sort());
});

test.each([
  ['ID_MALFORMED', Code.InvalidArgument, 400],
  ['ID_MISMATCH', Code.FailedPrecondition, 400],
  ['PROFILE_UNKNOWN', Code.NotFound, 404],
  ['TOO_MANY_ATTEMPTS', Code.ResourceExhausted, 429],
  ['REGULATOR_UNAVAILABLE', Code.Unavailable, 503],
  ['NEIGHBOUR_UNAVAILABLE', Code.Unavailable, 503],
  ['SERVICE_DEGRADED', Code.Unavailable, 503],
  ['CONFLICT', Code.Aborted, 409],
  ['CREDENTIALS_MISSING', Code.Unauthenticated, 401],
  ['CREDENTIALS_INVALID', Code.Unauthenticated, 401],
  ['NOT_ALLOWED', Code.PermissionDenied, 403],
  ['REQUEST_MALFORMED', Code.InvalidArgument, 400],
  ['CURSOR_MALFORMED', Code.InvalidArgument, 400],
  ['CURSOR_AHEAD', Code.Unavailable, 503],
  ['FILTER_UNKNOWN', Code.InvalidArgument, 400],
  ['LIMIT_OUT_OF_RANGE', Code.InvalidArgument, 400],
  ['SHUTTING_DOWN', Code.Unavailable, 503],
  ['INTERNAL', Code.Internal, 500],
] as const)('%s has its code, status and ErrorInfo; waits have RetryInfo', (reason: Reason, code, http) => {
  const error = refuse(reason);
  expect([error.code, ERROR_REASONS[reason].http]).toEqual([code, http]);
  expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason, domain: 'deptrans' }]);
  const waits = code === Code.Unavailable || code === Code.ResourceExhausted;
  expect(error.findDetails(RetryInfoSchema)).toHaveLength(waits ? 1 : 0);
  expect(toRefusal(error, live)).toEqual({ refusal: error, unexpected: false });
});

test('a refusal carries the fields and the wait it was given', () => {
  const error = refuse('REQUEST_MALFORMED', { retryAfterMs: 1_500, fields: [{ field: 'a', description: 'b' }] });
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: 'a', description: 'b' }]);
  expect(retryAfterMsOf(error)).toBe(1_500);
});

test.each([
  new Error('driver 9901123456'),
  new ConnectError('driver 9901123456', Code.PermissionDenied),
  'driver 9901123456',
  undefined,
])('whatever else is thrown is INTERNAL without its text', (thrown) => {
  const { refusal, unexpected } = toRefusal(thrown, live);
  expect([reasonOf(refusal), unexpected, refusal.message.includes('9901')]).toEqual(['INTERNAL', true, false]);
});

test('an error of a neighbour that carries details of our domain is not passed on', () => {
  const foreign = refuse('ID_MISMATCH');
  foreign.isWireError = true;
  expect(reasonOf(toRefusal(foreign, live).refusal)).toBe('INTERNAL');
});

test('after the caller left or its deadline passed, that is the outcome', () => {
  const late = new ConnectError('late', Code.DeadlineExceeded);
  expect(toRefusal(new Error('x'), AbortSignal.abort()).refusal.code).toBe(Code.Canceled);
  expect(toRefusal(new Error('x'), AbortSignal.abort(late)).refusal.code).toBe(Code.DeadlineExceeded);
  expect(reasonOf(toRefusal(new Error('x'), AbortSignal.abort(refuse('SHUTTING_DOWN'))).refusal)).toBe('SHUTTING_DOWN');
});

test('a code of another contract passes without a reason', () => {
  const error = refuseWithCode(Code.NotFound, 'No such service');
  expect(toRefusal(error, live)).toEqual({ refusal: error, unexpected: false });
  expect(reasonOf(error)).toBeUndefined();
});

test.each([
  [null, 'ru'],
  ['ru-RU,en;q=0.8', 'ru'],
  ['en', 'en'],
  ['en-US,ru', 'en'],
  ['fr', 'ru'],
  ['ru;q=0.3, en;q=0.9', 'en'],
  ['fr-FR, en;q=0.5', 'en'],
  ['en;q=0, *', 'ru'],
])('a driver whose app asks for %s reads %s', (acceptLanguage, locale) => {
  const error = refuse('ID_MISMATCH');
  localize(error, acceptLanguage);
  expect(error.findDetails(LocalizedMessageSchema)).toMatchObject([{ locale }]);
});

test('what a driver may meet says in both languages what to do, and the app what to offer', () => {
  const words = ['ENTER_ID', 'SIGN_IN', 'TRY_AGAIN', 'TRY_LATER'];
  for (const reason of FOR_DRIVERS) {
    const { ru, en, action } = factsOf(reason);
    expect(ru, reason).toMatch(/^[А-Яа-яё ,.:-]+$/);
    expect(en, reason).toMatch(/^[A-Za-z ,.:-]+$/);
    expect(words, reason).toContain(action);
    expect(refuse(reason).findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({ action });
  }
});
