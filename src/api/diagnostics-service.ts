import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { DiagnosticsService } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { type CompiledPolicy, judge, type Order } from '../../verdict/verdict.ts';
import type { InForce, Texts } from '../enforcement/enforcement.ts';
import { type Feed, FeedRefusal } from '../feed/feed.ts';
import type { Clock } from '../runtime/clock.ts';
import { driverIdMessage } from './driver-id-message.ts';
import { type FieldProblem, prefersEnglish, refuse } from './errors.ts';
import { verdictMessages } from './verdict-messages.ts';

export type DiagnosticsOptions = {
  feed: Pick<Feed, 'lookup' | 'lookupId' | 'head' | 'sourceAgeMs'>;
  /** The policy in force, one value at a time. */
  inForce(): InForce;
  texts: Texts;
  clock: Clock;
};

type Key = { parkId: string; driverId: string };
type OrderRequest = { region: string; categories: string[] };

const MAX_DRIVERS = 1_000;
const MAX_KEY_BYTES = 64;

/** What is answered from memory. */
export type FromMemory = Omit<ServiceImpl<typeof DiagnosticsService>, 'explainDriver'>;

/** May this driver take orders? Answered from memory alone; a database that is away shows in the freshness and at last as UNKNOWN. */
export function openDiagnosticsService(options: DiagnosticsOptions): FromMemory {
  const { feed, inForce, texts, clock } = options;

  const freshness = (sourceAgeMs: number) => ({
    sourceAgeMs: BigInt(Math.ceil(sourceAgeMs)),
    throughSeq: BigInt(feed.head()),
  });
  const answer = (drivers: readonly Key[], request: OrderRequest, context: HandlerContext) => {
    const { compiled } = inForce();
    const order = checkOrder(request, compiled);
    const language = prefersEnglish(context.requestHeader.get('accept-language') ?? '') ? 'en' : 'ru';
    const sourceAgeMs = feed.sourceAgeMs();
    const now = clock.now();
    const results = drivers.map((driver) => {
      const facts = feed.lookup(driver.parkId, driver.driverId);
      const judgement = judge(facts, order, compiled, now, sourceAgeMs);
      return { driver, verdicts: verdictMessages(judgement, facts, texts, language), allowed: judgement.isAllowed };
    });
    return { results, freshness: freshness(sourceAgeMs), policyVersion: BigInt(compiled.policy.version) };
  };

  return {
    checkDriver({ parkId, driverId, region, categories }, context) {
      const driver = { parkId, driverId };
      checkKeys([driver], () => '');
      const { results, ...common } = degradable(() => answer([driver], { region, categories }, context));
      const { verdicts, allowed } = results[0]!;
      return { verdicts, allowed, ...common };
    },

    checkDrivers({ drivers, region, categories }, context) {
      checkBatch(drivers);
      return degradable(() => answer(drivers, { region, categories }, context));
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

function checkOrder({ region, categories }: OrderRequest, { regions }: CompiledPolicy): Order {
  if (region !== '' && !regions.has(region)) {
    throw refuse('FILTER_UNKNOWN', { fields: [{ field: 'region', description: 'the name of a configured region' }] });
  }
  return { region, categories };
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

/** Before the first load there is nothing to answer from. */
function degradable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FeedRefusal ? refuse(error.reason) : error;
  }
}
