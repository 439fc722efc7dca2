import type { AvailabilityMode } from './availability.ts';
import type { HttpCall } from './serve.ts';

const bodyLimit = 4 * 1024 * 1024;

/** A request the simulator refuses; `status` and `code` are what the caller is told. */
export class BadCall extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The body as JSON. Throws BadCall for a body that is too long or not JSON. */
export async function readJson(call: HttpCall): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of call.request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > bodyLimit) throw new BadCall(413, 'TOO_LARGE', 'the body is too long');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new BadCall(400, 'BAD_REQUEST', 'the body is not JSON');
  }
}

export function sendJson(call: HttpCall, status: number, body: unknown, headers: Record<string, string> = {}): void {
  sendBytes(call, status, Buffer.from(JSON.stringify(body)), { 'content-type': 'application/json', ...headers });
}

export function sendBytes(call: HttpCall, status: number, bytes: Buffer, headers: Record<string, string>): void {
  call.response.writeHead(status, { ...headers, 'content-length': String(bytes.length) }).end(bytes);
}

export function sendBadCall(call: HttpCall, problem: BadCall): void {
  sendJson(call, problem.status, { error: { code: problem.code, message: problem.message } });
}

/** True if the part is not up; the caller has then been served accordingly. */
export function turnedAway(call: HttpCall, mode: AvailabilityMode): boolean {
  if (mode === 'unavailable') sendJson(call, 503, { error: { code: 'DOWN', message: 'the service is down' } });
  if (mode === 'refused') call.request.socket.destroy();
  return mode !== 'up';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
