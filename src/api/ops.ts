import type { HttpResponse } from '../runtime/listener.ts';
import type { Readiness } from './health.ts';
import { sendJson } from './json-response.ts';

/** The paths of the platform: `/healthz` answers while the process lives, `/readyz` while it can serve, else 503 with the reasons. */
export function makeOpsPaths(readiness: Readiness): Map<string, (res: HttpResponse) => void> {
  return new Map([
    ['/healthz', (res) => sendJson(res, 200, { status: 'ok' })],
    [
      '/readyz',
      (res) => {
        const reasons = [...readiness()];
        sendJson(res, reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
      },
    ],
  ]);
}
