import type { JsonValue } from '@bufbuild/protobuf';
import document from '../../gen/openapi.json' with { type: 'json' };
import type { HttpResponse } from '../runtime/listener.ts';
import type { Readiness } from './health.ts';
import { sendJson } from './json-response.ts';

/** The paths of the platform: `/openapi.json` has the REST paths of the contract, `/healthz` answers while the process lives, `/readyz` while it can serve, else 503 with the reasons. */
export function makeOpsPaths(readiness: Readiness): Map<string, (res: HttpResponse) => void> {
  return new Map([
    ['/openapi.json', (res) => sendJson(res, 200, document as JsonValue)],
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
