import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { Check, type DiagnosticsService, VerdictOutcome, VerdictReason } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type CheckedRegion, judge, type Order, type Verdict } from '../domain/verdict.ts';
import { type Feed, FeedRefusal } from '../feed/feed.ts';
import type { Clock } from '../runtime/clock.ts';
import { driverIdMessage } from './driver-id-message.ts';
import { type FieldProblem, refuse } from './errors.ts';

export type DiagnosticsOptions = {
  feed: Pick<Feed, 'lookup' | 'lookupId' | 'head' | 'sourceAgeMs'>;
  regions: readonly CheckedRegion[];
  /** Facts older than this say nothing any more: verdicts become UNKNOWN(DATA_TOO_OLD). */
  maxDataAgeMs: number;
  clock: Clock;
};

type Key = { parkId: string; driverId: string };
type OrderRequest = { region: string; categories: readonly string[] };

const MAX_DRIVERS = 1_000;
const MAX_KEY_BYTES = 64;

/** May this driver take orders? Answered from memory alone; a database that is away shows in the freshness and at last as UNKNOWN. */
export function openDiagnosticsService(options: DiagnosticsOptions): ServiceImpl<typeof DiagnosticsService> {
  const { feed, maxDataAgeMs, clock } = options;
  const regions = new Map(options.regions.map((region) => [region.id, region]));

  const freshness = (sourceAgeMs: number) => ({
    sourceAgeMs: BigInt(Math.ceil(sourceAgeMs)),
    throughSeq: BigInt(feed.head()),
  });
  const answer = (drivers: readonly Key[], request: OrderRequest) => {
    const order = orderOf(request, regions);
    const sourceAgeMs = feed.sourceAgeMs();
    const now = clock.now();
    const fresh = sourceAgeMs <= maxDataAgeMs;
    const verdicts = drivers.map(({ parkId, driverId }) => {
      return judge(feed.lookup(parkId, driverId), order, regions, fresh, now).map(verdictMessage);
    });
    return { verdicts, freshness: freshness(sourceAgeMs) };
  };

  return {
    checkDriver({ parkId, driverId, region, categories }) {
      const driver = { parkId, driverId };
      checkKeys([driver], () => '');
      const { verdicts, freshness } = degradable(() => answer([driver], { region, categories }));
      return { verdicts: verdicts[0]!, freshness };
    },

    checkDrivers({ drivers, region, categories }) {
      checkBatch(drivers);
      const { verdicts, freshness } = degradable(() => answer(drivers, { region, categories }));
      return { results: drivers.map((driver, i) => ({ driver, verdicts: verdicts[i]! })), freshness };
    },

    getDriverIds({ drivers }) {
      checkBatch(drivers);
      return degradable(() => ({
        results: drivers.map((driver) => {
          const facts = feed.lookupId(driver.parkId, driver.driverId);
          return facts ? { driver, known: true, id: driverIdMessage(facts.binding, 'full') } : { driver, known: false };
        }),
        freshness: freshness(feed.sourceAgeMs()),
      }));
    },
  };
}

/** The order's rules, with its tariffs compared once per region. */
function orderOf({ region, categories }: OrderRequest, regions: ReadonlyMap<string, CheckedRegion>): Order {
  if (region !== '' && !regions.has(region)) {
    throw refuse('FILTER_UNKNOWN', { fields: [{ field: 'region', description: 'the name of a configured region' }] });
  }
  if (categories.length === 0) return { region: region || null, listed: () => true };
  const asked = new Set(categories);
  const known = new Map<string, boolean>();
  const listed = ({ id, tariffs }: CheckedRegion): boolean => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const found = tariffs.some((tariff) => asked.has(tariff));
    known.set(id, found);
    return found;
  };
  return { region: region || null, listed };
}

function checkBatch(drivers: readonly Key[]): void {
  if (drivers.length === 0 || drivers.length > MAX_DRIVERS) {
    throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'drivers', description: `1 to ${MAX_DRIVERS}` }] });
  }
  checkKeys(drivers, (index) => `drivers[${index}].`);
}

function checkKeys(drivers: readonly Key[], at: (index: number) => string): void {
  const problems: FieldProblem[] = [];
  for (const [index, { parkId, driverId }] of drivers.entries()) {
    for (const [field, value] of [
      ['park_id', parkId],
      ['driver_id', driverId],
    ] as const) {
      if (value !== '' && Buffer.byteLength(value) <= MAX_KEY_BYTES) continue;
      problems.push({ field: `${at(index)}${field}`, description: `1 to ${MAX_KEY_BYTES} bytes` });
    }
    if (problems.length >= 10) break; // enough to see what is wrong
  }
  if (problems.length > 0) throw refuse('REQUEST_MALFORMED', { fields: problems });
}

function verdictMessage({ check, outcome, reason, since, until, region }: Verdict) {
  return {
    check: check === 'session' ? Check.SESSION : Check.DEPTRANS_ID,
    outcome: OUTCOMES[outcome],
    reason: reason ? REASONS[reason] : VerdictReason.UNSPECIFIED,
    allowCurrentOrder: true,
    ...(since !== null && { since: timestampFromMs(since) }),
    ...(until !== null && { until: timestampFromMs(until) }),
    region,
  };
}

const OUTCOMES = {
  pass: VerdictOutcome.PASS,
  fail: VerdictOutcome.FAIL,
  unknown: VerdictOutcome.UNKNOWN,
} as const satisfies Record<Verdict['outcome'], VerdictOutcome>;

const REASONS = {
  not_required: VerdictReason.NOT_REQUIRED,
  no_id: VerdictReason.NO_ID,
  id_rejected: VerdictReason.ID_REJECTED,
  no_session: VerdictReason.NO_SESSION,
  session_ended: VerdictReason.SESSION_ENDED,
  profile_unknown: VerdictReason.PROFILE_UNKNOWN,
  person_unknown: VerdictReason.PERSON_UNKNOWN,
  session_state_unknown: VerdictReason.SESSION_STATE_UNKNOWN,
  data_too_old: VerdictReason.DATA_TOO_OLD,
  id_recheck: VerdictReason.ID_RECHECK,
} as const satisfies Record<NonNullable<Verdict['reason']>, VerdictReason>;

/** Before the first load there is nothing to answer from. */
function degradable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FeedRefusal ? refuse(error.reason) : error;
  }
}
