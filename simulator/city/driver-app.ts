import { Agent, request } from 'undici';
import type { Bearer } from '../bearer.ts';
import { isRecord } from '../http/exchange.ts';
import type { ProfileRef } from '../neighbours/neighbour-data.ts';

/** What a driver's app does with the service's REST path. Never rejects but for the signal. */
export type DriverApp = AsyncDisposable & {
  set(profile: ProfileRef, deptransId: string, signal: AbortSignal): Promise<SetAnswer>;
  /** Null: the service could not say. */
  get(profile: ProfileRef, signal: AbortSignal): Promise<{ bound: boolean; updatedAtMs: number } | null>;
};

export type SetAnswer = { kind: 'bound' } | { kind: 'refused' } | { kind: 'later'; retryAfterMs?: number };

const deadlineMs = 10_000;
/** Calls at once. The others wait without a deadline: on a crowded machine all that is sent would be too late, and be sent again. */
const atOnce = 32;

/** `bearer`: of the proxy in front of the service, which vouches for the drivers. */
export function openDriverApp(serviceUrl: string, bearer: Bearer | null): DriverApp {
  const dispatcher = new Agent({ connections: atOnce, pipelining: 1 });
  const inTurn = openTurns(atOnce);
  const call = async (profile: ProfileRef, method: 'GET' | 'POST', signal: AbortSignal, body?: object) => {
    const answer = await request(`${serviceUrl}/driver/v1/deptrans-status/v1/id`, {
      method,
      dispatcher,
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      headers: {
        ...(bearer && { authorization: `Bearer ${await bearer()}` }),
        'x-yataxi-park-id': profile.parkId,
        'x-yataxi-driver-profile-id': profile.driverId,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.json() };
  };
  const unlessStopping = (signal: AbortSignal) => () => {
    signal.throwIfAborted();
    return null;
  };
  return {
    async set(profile, deptransId, signal) {
      const answer = await inTurn(() => call(profile, 'POST', signal, { deptrans_id: deptransId })).catch(
        unlessStopping(signal),
      );
      if (answer?.status === 200) return { kind: 'bound' };
      if (answer?.status === 400) return { kind: 'refused' };
      const retryAfterS = Number(answer?.headers['retry-after']);
      return retryAfterS > 0 ? { kind: 'later', retryAfterMs: retryAfterS * 1_000 } : { kind: 'later' };
    },
    async get(profile, signal) {
      const answer = await inTurn(() => call(profile, 'GET', signal)).catch(unlessStopping(signal));
      const id = answer?.status === 200 && isRecord(answer.body) ? answer.body['id'] : undefined;
      if (!isRecord(id)) return null;
      const updatedAtMs = typeof id['updated_at'] === 'string' ? Date.parse(id['updated_at']) : 0;
      return { bound: id['bound'] === true, updatedAtMs };
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

/** Runs what it is given, so many at once, the others in their order. */
function openTurns(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
