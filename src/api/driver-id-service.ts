import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { DriverIdService } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { type Binding, type IdDisplay, parseDeptransId } from '../domain/binding.ts';
import type { Feed } from '../feed/feed.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DriverRef } from '../store/bindings.ts';
import { callOf, driverOf } from './call.ts';
import { readWithin } from './database-deadline.ts';
import { driverIdMessage, type ShownBinding } from './driver-id-message.ts';
import { isRefusal, refuse } from './errors.ts';
import { type BindingOptions, bindWanted, readKnown } from './id-binding.ts';
import { repeatOf } from './repeats.ts';

/**
 * The driver's own id: what is bound, and binding another after the regulator has confirmed it.
 *
 * It guarantees that nothing is saved without a valid check against the licence of that moment, that a refusal means nothing was saved, that a call
 * repeated with its key gets its first answer, that a database that is away is never answered as "no id", that ids cannot be tried at will, and that an
 * answer comes within `callTimeoutMs`. With the database away a driver is told what the copy in memory knows, as long as that is not too old.
 */
export type DriverIdOptions = BindingOptions & {
  /** The copy in memory, and the age up to which it is told. */
  copy: Pick<Feed, 'lookupId' | 'sourceAgeMs'>;
  maxCopyAgeMs: number;
  /** How much of the id is shown, by app; an app that is not named gets the first. */
  idDisplay: IdDisplay;
  idDisplayByApp: Readonly<Record<string, IdDisplay>>;
  /** All of a binding: reading, licence, check, saving. */
  callTimeoutMs: number;
  /** That an id is not of the licence is told after a multiple of this: how long it took tells nothing of why. */
  refusalStepMs: number;
  clock: Clock;
};

/** For the answer's way back. */
const ON_ITS_WAY_MS = 250;

export function openDriverIdService(options: DriverIdOptions): ServiceImpl<typeof DriverIdService> {
  const { db, copy, maxCopyAgeMs, callTimeoutMs, refusalStepMs, readTimeoutMs, journalKey: hashKey, clock } = options;
  const displays = new Map(Object.entries(options.idDisplayByApp));
  /** A caller who says how long it waits is answered before that. */
  const withinMs = (waitsMs = Number.POSITIVE_INFINITY) =>
    Math.max(1, Math.min(callTimeoutMs, waitsMs - ON_ITS_WAY_MS));

  const shown = (binding: ShownBinding | null, app: string) => ({
    id: driverIdMessage(binding, displays.get(app) ?? options.idDisplay),
  });

  const readCopy = ({ parkId, driverId }: DriverRef): ShownBinding | null | undefined => {
    const known = copy.sourceAgeMs() <= maxCopyAgeMs ? copy.lookupId(parkId, driverId) : null;
    return known?.person ? known.binding : undefined;
  };

  return {
    async getDriverId(_, { values, signal }) {
      const { app, ...driver } = refOf(values);
      try {
        const { binding } = await readKnown(options, driver, null, signal);
        return shown(binding && toShown(binding), app);
      } catch (error) {
        const copied = isRefusal(error, 'SERVICE_DEGRADED') ? readCopy(driver) : undefined;
        if (copied === undefined) throw error;
        return shown(copied, app);
      }
    },

    async setDriverId({ deptransId, idempotencyKey }, { values, signal, timeoutMs }: HandlerContext) {
      const begunMs = clock.monotonic();
      const { app, ...driver } = refOf(values);
      const wanted = parseDeptransId(deptransId);
      if (!wanted) throw refuse('ID_MALFORMED', { fields: [{ field: 'deptrans_id', description: '1 to 20 digits' }] });
      const repeat = repeatOf({ driver, key: idempotencyKey, id: wanted }, { db, hashKey, readTimeoutMs });
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(withinMs(timeoutMs()))]);
      const before = await repeat.recall(deadline);
      if (before === 'refused') throw refuse('ID_MISMATCH');
      if (before) return shown({ deptransId: wanted, state: 'bound', updatedAtMs: before.getTime() }, app);
      try {
        const wish = { driver, wanted, address: callOf(values).address, repeat };
        return shown(toShown(await bindWanted(options, wish, deadline)), app);
      } catch (error) {
        if (!isRefusal(error, 'ID_MISMATCH')) throw error;
        await readWithin(readTimeoutMs, deadline, repeat.remember(db, null)).catch(() => {});
        const tookMs = clock.monotonic() - begunMs;
        await clock.sleep(Math.ceil(tookMs / refusalStepMs) * refusalStepMs - tookMs, deadline);
        throw error;
      }
    },
  };
}

function refOf(values: HandlerContext['values']): DriverRef & { app: string } {
  const { parkId, driverId, app } = driverOf(values);
  return { parkId, driverId, app };
}

function toShown({ deptransId, state, updatedAt }: Binding): ShownBinding {
  return { deptransId, state, updatedAtMs: updatedAt.getTime() };
}
