import { type DestinationStream, type Logger, pino } from 'pino';
import { currentTrace } from './trace.ts';

export type Log = Logger;
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/**
 * The log: JSON lines on standard output, one per fact, each with its `part`, and within a call with
 * the `traceId` of that. Personal data must not be given to it at all; as a second
 * line of defence, errors are cut down to what cannot carry any (the texts of foreign errors may quote the values they choked on).
 */
export function openLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
    mixin: () => {
      const trace = currentTrace();
      return trace ? { traceId: trace.traceId } : {};
    },
  };
  return destination ? pino(options, destination) : pino(options);
}

type Description = { type: string; code?: string; message: string; stack?: string; cause?: Description };

/**
 * What may be said of an error: its type, code, message without anything quoted or numeric, and where it was thrown. Database errors
 * quote values in `detail` and `where`, parsers quote their input: those never pass.
 */
export function describeError(error: unknown, depth = 0): Description {
  if (!(error instanceof Error)) return { type: typeof error, message: scrub(String(error)) };
  const code = 'code' in error && error.code != null ? { code: String(error.code) } : {};
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  const cause = error.cause !== undefined && depth < 3 ? { cause: describeError(error.cause, depth + 1) } : {};
  return {
    type: error.name,
    ...code,
    message: scrub(error.message),
    ...(frames.length > 0 && { stack: frames.slice(0, 8).join('\n') }),
    ...cause,
  };
}

/** Takes out of a text what could be somebody's: quoted values, runs of four and more digits, long tokens. At most 300 characters. */
export function scrub(text: string): string {
  return text
    .slice(0, 1_000)
    .replace(/"[^"]*"|'[^']*'|«[^»]*»|`[^`]*`/gu, '"…"')
    .replace(/\b(?=[\w-]*\d)[\w-]{16,}\b/gu, '…')
    .replace(/\d{4,}/gu, '…')
    .slice(0, 300);
}
