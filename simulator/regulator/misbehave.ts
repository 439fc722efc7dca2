import { gzipSync } from 'node:zlib';
import { sendBytes, sendJson } from '../http/exchange.ts';
import type { HttpCall } from '../http/serve.ts';
import { type Answer, errorInside, plainError, throttled } from './answer.ts';
import type { FaultRule } from './faults.ts';

const holdMs = 600_000;
const hugeBytes = 64 * 1024 * 1024;

/** Resolves after a time; rejects when the regulator is closed. */
export type Delay = (ms: number) => Promise<void>;

/**
 * Serves the call the way the rule says and returns the word for the call log; null means that no answer went out.
 * `proper` is the answer there would be.
 */
export async function misbehave(call: HttpCall, rule: FaultRule, proper: Answer, delay: Delay): Promise<string | null> {
  switch (rule.kind) {
    case 'hang':
    case 'lostAnswer':
      await Promise.race([delay(rule.ms ?? holdMs), closed(call)]);
      call.request.socket.destroy();
      return null;
    case 'reset':
      call.request.socket.destroy();
      return null;
    case 'drip':
      return drip(call, proper, rule.ms ?? 100, delay);
    case 'html':
      return sendRaw(call, 200, 'text/html', '<html><body><h1>Back soon</h1></body></html>', 'html');
    case 'cutJson': {
      const text = JSON.stringify(proper.body);
      return sendRaw(call, 200, 'application/json', text.slice(0, text.length >> 1), 'cutJson');
    }
    case 'body':
      return sendRaw(call, rule.status ?? 200, rule.contentType ?? 'application/json', rule.body ?? '', 'body');
    case 'hugeBody':
      return sendRaw(call, 200, 'application/json', `"${'x'.repeat(rule.bytes ?? hugeBytes)}"`, 'hugeBody');
    case 'gzipBomb': {
      const packed = gzipSync(Buffer.alloc(rule.bytes ?? hugeBytes, 'x'));
      sendBytes(call, 200, packed, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      return 'gzipBomb';
    }
    default:
      return sendAnswer(call, twisted(rule, proper));
  }
}

/** Sends the answer unless the caller has left. Returns the answer's word, or null. */
export function sendAnswer(call: HttpCall, answer: Answer): string | null {
  if (call.response.destroyed) return null;
  sendJson(call, answer.status, answer.body, answer.headers);
  return answer.word;
}

/** Whether the answer of this rule is one of those that turn a report down for good. */
export function refuses(rule: FaultRule): boolean {
  return rule.kind === 'blocked' || (rule.kind === 'errorInside' && rule.code !== 'ALREADY' && rule.code !== '950');
}

function twisted(rule: FaultRule, proper: Answer): Answer {
  switch (rule.kind) {
    case 'throttled':
      return throttled(rule.retryAfter ?? '1');
    case 'unauthorised':
      return plainError(401, 'UNAUTHORISED');
    case 'forbidden':
      return plainError(403, 'FORBIDDEN');
    case 'tokenExpired':
      return errorInside(950);
    case 'serverError':
      return plainError(rule.status ?? 503, 'SERVER_ERROR');
    case 'errorInside':
      return errorInside(rule.code ?? 'INTERNAL');
    case 'blocked':
      return errorInside('DRIVER_BLOCKED');
    case 'unknownWord':
      return renamed(proper, rule.word ?? 'ON_BREAK');
    case 'lie':
      return lying(proper, rule.word ?? 'noZone');
    default:
      return proper;
  }
}

function renamed(proper: Answer, status: string): Answer {
  const { session } = proper.body as { session?: object | null };
  return session ? { ...proper, body: { session: { ...session, status } } } : proper;
}

type Told = { startedAt: string; endGuess: string };

/** How a session can be untrue, by word. */
const untrue: Record<string, (session: Told) => object> = {
  /** Times without a zone. */
  noZone: ({ startedAt, endGuess }) => ({ startedAt: startedAt.replace('Z', ''), endGuess: endGuess.replace('Z', '') }),
  farEnd: () => ({ endGuess: '9999-12-31T23:59:59Z' }),
  /** Over for an hour, and still what it was. */
  pastEnd: ({ startedAt }) => ({ endGuess: later(startedAt, -3_600_000) }),
  futureStart: ({ startedAt }) => ({ startedAt: later(startedAt, 86_400_000) }),
  /** Somebody else's, and it says so. */
  anotherDriver: () => ({ id: 'of-somebody-else', driverId: '999999999' }),
  /** Somebody else's, and nobody can tell. */
  anotherSession: () => ({ id: 'of-somebody-else' }),
};

function lying(proper: Answer, word: string): Answer {
  const { session } = proper.body as { session?: Told | null };
  return session ? { ...proper, body: { session: { ...session, ...untrue[word]?.(session) } } } : proper;
}

function later(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString();
}

function sendRaw(call: HttpCall, status: number, contentType: string, text: string, word: string): string | null {
  if (call.response.destroyed) return null;
  sendBytes(call, status, Buffer.from(text), { 'content-type': contentType });
  return word;
}

async function drip(call: HttpCall, answer: Answer, everyMs: number, delay: Delay): Promise<string | null> {
  const bytes = Buffer.from(JSON.stringify(answer.body));
  call.response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': String(bytes.length),
  });
  const left = closed(call);
  for (const byte of bytes) {
    if (call.response.destroyed) return null;
    call.response.write(Buffer.of(byte));
    await Promise.race([delay(everyMs), left]);
  }
  call.response.end();
  return answer.word;
}

function closed(call: HttpCall): Promise<void> {
  return new Promise((resolve) => {
    if (call.response.closed) resolve();
    else call.response.once('close', () => resolve());
  });
}
