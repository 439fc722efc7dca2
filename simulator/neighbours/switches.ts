import { setTimeout as pause } from 'node:timers/promises';
import { type Availability, openAvailability } from '../http/availability.ts';
import { BadCall, sendBadCall, sendBytes, sendJson, turnedAway } from '../http/exchange.ts';
import type { Handler, HttpCall } from '../http/serve.ts';

/** How a neighbour bends the truth. Which lies a neighbour knows is said at its handler; others have no effect there. */
export const lies = [
  'repeats',
  'strangers',
  'wrongTypes',
  'emptyIds',
  'stuck',
  'backwards',
  'stale',
  'future',
  'range',
  'outside',
  'nothing',
  'html',
] as const;
export type Lie = (typeof lies)[number];

/** What can be done to a neighbour while it runs. */
export type Switches = {
  readonly availability: Availability;
  /** Waits this long before each answer. */
  slowMs: number;
  lie: Lie | null;
  /** Calls that came, whatever became of them. */
  requests: number;
};

export function openSwitches(): Switches {
  return { availability: openAvailability(), slowMs: 0, lie: null, requests: 0 };
}

/** A handler that obeys the switches around `answer`, which returns the body of a 200 or throws BadCall. */
export function switched(switches: Switches, answer: (call: HttpCall) => Promise<unknown>): Handler {
  return async (call) => {
    switches.requests += 1;
    if (turnedAway(call, switches.availability.mode)) return;
    if (switches.slowMs > 0) await pause(switches.slowMs, undefined, { ref: false });
    if (call.response.destroyed) return;
    if (switches.lie === 'html')
      return sendBytes(call, 200, Buffer.from('<html>hello</html>'), { 'content-type': 'text/html' });
    try {
      sendJson(call, 200, await answer(call));
    } catch (problem) {
      if (!(problem instanceof BadCall)) throw problem;
      if (problem.status === 410) sendJson(call, 410, { code: problem.code, message: problem.message });
      else sendBadCall(call, problem);
    }
  };
}
