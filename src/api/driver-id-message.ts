import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DriverId_State } from '../../gen/deptrans/v1/driver_id_pb.ts';
import { type BindingState, type DeptransId, displayId, type IdDisplay } from '../domain/binding.ts';

/** What a driver may be told of his binding. */
export type ShownBinding = { deptransId: DeptransId | null; state: BindingState; updatedAtMs: number | null };

const STATES = {
  unbound: DriverId_State.NOT_BOUND,
  bound: DriverId_State.BOUND,
  recheck: DriverId_State.RECHECK_NEEDED,
  rejected: DriverId_State.REJECTED,
} as const satisfies Record<BindingState, DriverId_State>;

/** A binding as its driver may see it in the app that he uses. */
export function driverIdMessage(binding: ShownBinding | null, display: IdDisplay) {
  if (!binding) return { bound: false, deptransId: '', state: DriverId_State.NOT_BOUND };
  const { deptransId, state, updatedAtMs } = binding;
  return {
    bound: deptransId !== null,
    deptransId: deptransId === null ? '' : displayId(deptransId, display),
    state: STATES[state],
    ...(updatedAtMs !== null && { updatedAt: timestampFromMs(updatedAtMs) }),
  };
}
