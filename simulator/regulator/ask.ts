import { BadCall, isRecord, readJson } from '../http/exchange.ts';
import type { HttpCall } from '../http/serve.ts';

/** A call of the regulator's wire, read and checked. */
export type Ask =
  | { kind: 'authenticate'; login: unknown; password: unknown }
  | { kind: 'check'; driverId: string; licence: string }
  | { kind: 'session'; driverId: string }
  | ({ kind: 'status' } & StatusItem)
  | { kind: 'batch'; items: StatusItem[] };

export type StatusItem = { driverId: string; connected: boolean; occurredAtMs: number };

const isoUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/** Throws BadCall (404, 405, 400) for whatever is not in the contract, to the letter. */
export async function readAsk(call: HttpCall): Promise<Ask> {
  const { path, method } = call;
  const session = /^\/drivers\/([^/]+)\/session$/.exec(path);
  if (session) {
    mustBe(method, 'GET');
    return { kind: 'session', driverId: readId(session[1]!) };
  }
  const status = /^\/drivers\/([^/]+)\/status$/.exec(path);
  if (!status && !['/authenticate', '/drivers/check', '/drivers/status/batch'].includes(path))
    throw new BadCall(404, 'NOT_FOUND', 'no such call');
  mustBe(method, 'POST');
  const body = await readJson(call);
  if (path === '/drivers/status/batch') {
    if (!Array.isArray(body)) throw new BadCall(400, 'BAD_REQUEST', 'a batch is an array');
    return { kind: 'batch', items: body.map((item) => readStatus(readText(item, 'driverId'), item)) };
  }
  if (path === '/authenticate' && isRecord(body))
    return { kind: 'authenticate', login: body['login'], password: body['password'] };
  if (path === '/drivers/check')
    return { kind: 'check', driverId: readId(readText(body, 'driverId')), licence: readText(body, 'licenseNumber') };
  return { kind: 'status', ...readStatus(status?.[1] ?? '', body) };
}

function readStatus(driverId: string, body: unknown): StatusItem {
  const event = readText(body, 'event');
  if (event !== 'CONNECTED' && event !== 'DISCONNECTED')
    throw new BadCall(400, 'BAD_REQUEST', 'event must be CONNECTED or DISCONNECTED');
  const at = readText(body, 'occurredAt');
  if (!isoUtc.test(at) || Number.isNaN(Date.parse(at)))
    throw new BadCall(400, 'BAD_REQUEST', 'occurredAt must be ISO 8601 in UTC');
  return { driverId: readId(driverId), connected: event === 'CONNECTED', occurredAtMs: Date.parse(at) };
}

function readId(id: string): string {
  if (!/^\d{1,20}$/.test(id)) throw new BadCall(400, 'BAD_REQUEST', 'driverId must be 1 to 20 digits');
  return id;
}

function readText(body: unknown, field: string): string {
  const value = isRecord(body) ? body[field] : undefined;
  if (typeof value !== 'string' || value === '') throw new BadCall(400, 'BAD_REQUEST', `${field} is missing`);
  return value;
}

function mustBe(method: string, expected: string): void {
  if (method !== expected) throw new BadCall(405, 'METHOD_NOT_ALLOWED', `use ${expected}`);
}
