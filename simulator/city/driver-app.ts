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

/** `bearer`: of the proxy in front of the service, which vouches for the drivers. */
export function openDriverApp(serviceUrl: string, bearer: Bearer | null): DriverApp {
  const dispatcher = new Agent({ connections: 128, pipelining: 1 });
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
      const answer = await call(profile, 'POST', signal, { deptrans_id: deptransId }).catch(unlessStopping(signal));
      if (answer?.status === 200) return { kind: 'bound' };
      if (answer?.status === 400) return { kind: 'refused' };
      const retryAfterS = Number(answer?.headers['retry-after']);
      return retryAfterS > 0 ? { kind: 'later', retryAfterMs: retryAfterS * 1_000 } : { kind: 'later' };
    },
    async get(profile, signal) {
      const answer = await call(profile, 'GET', signal).catch(unlessStopping(signal));
      const id = answer?.status === 200 && isRecord(answer.body) ? answer.body['id'] : undefined;
      if (!isRecord(id)) return null;
      const updatedAtMs = typeof id['updated_at'] === 'string' ? Date.parse(id['updated_at']) : 0;
      return { bound: id['bound'] === true, updatedAtMs };
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}
