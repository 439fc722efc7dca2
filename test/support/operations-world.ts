import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { OperationsService } from '../../gen/deptrans/v1/operations_pb.ts';
import { openOperationsService } from '../../src/api/operations-service.ts';
import { openToAll } from '../../src/auth/auth.ts';
import { type Intake, openIntake } from '../../src/intake/intake.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import type { Db } from '../../src/store/database.ts';
import { openDeliveryWorld } from './delivery-world.ts';
import { openEdge } from './edge.ts';

const MAX_SILENCE_MS = 86_400_000;

export function intakeOver(db: Db): Intake {
  const log = openLog('silent');
  const metrics = openMetrics(systemClock);
  return openIntake({ db, source: null, pushSlot: 0, maxSilenceMs: MAX_SILENCE_MS, clock: systemClock, log, metrics });
}

/** The service of operators over a database and a socket. What it logs is in the edge's lines. */
export async function openOperationsApi(db: Db, intake = intakeOver(db)) {
  const lines: string[] = [];
  const edge = await openEdge(
    {
      operations: openOperationsService({
        db,
        regulator: 'moscow',
        limits: { maxSilenceMs: MAX_SILENCE_MS },
        replay: (ids) => intake.replay(ids),
        log: openLog('debug', { write: (line) => void lines.push(line) }),
      }),
    },
    { auth: openToAll() },
  );
  const as = (headers: Record<string, string>) =>
    createClient(
      OperationsService,
      createConnectTransport({
        baseUrl: edge.url,
        httpVersion: '2',
        interceptors: [
          (next) => (req) => {
            for (const [name, value] of Object.entries(headers)) req.header.set(name, value);
            return next(req);
          },
        ],
      }),
    );
  return { edge, lines, as, ops: as({ 'x-caller': 'ann@oncall' }), [Symbol.asyncDispose]: () => edge.close(0) };
}

/** Delivery with a regulator, and the operators' service beside it. */
export async function openOperationsWorld(options: Parameters<typeof openDeliveryWorld>[0] = {}) {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await openDeliveryWorld(options));
  const intake = stack.use(intakeOver(world.db));
  const api = stack.use(await openOperationsApi(world.db, intake));
  const { [Symbol.asyncDispose]: _, ...rest } = world;
  return { ...rest, ...api, intake, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
