import type { DescMethod } from '@bufbuild/protobuf';
import type { Rule } from '../auth/caller.ts';

const drivers: Rule = { drivers: true };
const engineers: Rule = { engineers: true };
/** Those who keep a copy of ids and sessions. */
const readers: Rule = { services: ['candidates', 'driver-diagnostics'], engineers: true };
const senders: Rule = { services: ['driver-status'], engineers: true };

/**
 * Who may call what: every method that is served has its line here, or the process does not start. Names of services are the `sub` of their tokens.
 * `anyone` is for what tells nothing of anybody: the state of the process and the contract itself.
 */
export const ACCESS: Readonly<Record<string, Rule>> = {
  'deptrans.v1.DriverIdService/GetDriverId': drivers,
  'deptrans.v1.DriverIdService/SetDriverId': drivers,

  'deptrans.v1.IncrementalUpdatesService/WatchIds': readers,
  'deptrans.v1.IncrementalUpdatesService/WatchStatuses': readers,
  'deptrans.v1.IncrementalUpdatesService/ListIdUpdates': readers,
  'deptrans.v1.IncrementalUpdatesService/ListStatusUpdates': readers,

  'deptrans.v1.DiagnosticsService/CheckDriver': readers,
  'deptrans.v1.DiagnosticsService/CheckDrivers': readers,
  'deptrans.v1.DiagnosticsService/GetDriverIds': readers,
  'deptrans.v1.DiagnosticsService/ExplainDriver': engineers,

  'deptrans.v1.StatusIngestService/ReportStatuses': senders,

  'deptrans.v1.OperationsService/Status': engineers,
  'deptrans.v1.OperationsService/Explain': engineers,
  'deptrans.v1.OperationsService/ListParked': engineers,
  'deptrans.v1.OperationsService/Wake': engineers,
  'deptrans.v1.OperationsService/ListQuarantine': engineers,
  'deptrans.v1.OperationsService/Replay': engineers,
  'deptrans.v1.OperationsService/PauseDelivery': engineers,
  'deptrans.v1.OperationsService/ResumeDelivery': engineers,
  'deptrans.v1.OperationsService/DrainRegion': engineers,
  'deptrans.v1.OperationsService/ListDifferences': engineers,
  'deptrans.v1.OperationsService/ExportExchanges': engineers,

  'deptrans.v1.PolicyService/Get': engineers,
  'deptrans.v1.PolicyService/Put': engineers,
  'deptrans.v1.PolicyService/History': engineers,
  'deptrans.v1.PolicyService/Suspend': engineers,
  'deptrans.v1.PolicyService/Resume': engineers,
  'deptrans.v1.PolicyService/ListStepBacks': engineers,
  'deptrans.v1.PolicyService/EndStepBack': engineers,

  'deptrans.v1.SupplyService/GetLoss': readers,
  'deptrans.v1.SupplyService/Preview': engineers,

  'grpc.health.v1.Health/Check': 'anyone',
  'grpc.health.v1.Health/List': 'anyone',
  'grpc.health.v1.Health/Watch': 'anyone',
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'anyone',
  'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'anyone',

  'GET /openapi.json': 'anyone',
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
};

/** The rules of what is served. Throws if something is served that has none, or a rule is for something that is not served. */
export function rulesOf(methods: readonly DescMethod[], paths: readonly string[], access = ACCESS): Map<string, Rule> {
  const served = [...methods.map(nameOf), ...paths.map((path) => `GET ${path}`)];
  const without = served.filter((name) => !Object.hasOwn(access, name));
  const idle = Object.keys(access).filter((name) => !served.includes(name));
  if (without.length > 0) throw new Error(`No rule says who may call ${without.join(', ')}`);
  if (idle.length > 0) throw new Error(`There are rules for what is not served: ${idle.join(', ')}`);
  return new Map(served.map((name) => [name, access[name]!]));
}

/** `package.Service/Method`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
