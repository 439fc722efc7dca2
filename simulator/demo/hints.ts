import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

const BUF = join(import.meta.dirname, '../../node_modules/.bin/buf');

export type Hint = { title: string; command: string };

/** Three things to try, as commands that work from any folder. */
export function hintsFor({ service: { url }, tokenFile }: Stage, driver: { parkId: string; driverId: string }): Hint[] {
  const buf = existsSync(BUF) ? BUF : 'buf';
  const rpc = `${url}/deptrans.v1`;
  const bearer = `-H "Authorization: Bearer $(cat '${tokenFile}')"`;
  const body = JSON.stringify({ park_id: driver.parkId, driver_id: driver.driverId });
  return [
    {
      title: 'Watch shifts change',
      command: `${buf} curl --protocol grpc --http2-prior-knowledge ${bearer} ${rpc}.IncrementalUpdatesService/WatchStatuses`,
    },
    { title: 'Read shifts by pages', command: `curl -s ${bearer} '${url}/internal/v1/status/updates?limit=3'` },
    { title: 'Check a driver', command: `${buf} curl -d '${body}' ${bearer} ${rpc}.DiagnosticsService/CheckDriver` },
  ];
}
