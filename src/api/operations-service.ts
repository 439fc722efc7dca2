import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type {
  DrainRegionRequest,
  ExplainRequest,
  ExportExchangesRequest,
  ExportExchangesResponseSchema,
  ListDifferencesRequest,
  ListParkedRequest,
  ListQuarantineRequest,
  OperationsService,
  PauseDeliveryRequest,
  ReplayRequest,
  ResumeDeliveryRequest,
  StatusRequest,
  WakeRequest,
} from '../../gen/deptrans/v1/operations_pb.ts';
import type { RejectedEvent_Reason } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { EligibilityLimits } from '../domain/eligibility.ts';
import type { Log } from '../runtime/log.ts';
import type { Db } from '../store/database.ts';
import { beginPause, endPause } from '../store/delivery-pause.ts';
import { readDifferences } from '../store/drift.ts';
import { type ExchangePlace, readExchanges, readPersonOf } from '../store/operations-exchanges.ts';
import { readDriverFacts } from '../store/operations-explain.ts';
import { readParked, wakeDriver, wakeParked } from '../store/operations-parked.ts';
import { readQuarantine } from '../store/operations-quarantine.ts';
import { countOpen, readStatus } from '../store/operations-status.ts';
import { switchRegionOff } from '../store/rules.ts';
import { openAudited, TIMEOUT_MS } from './audited.ts';
import { callerNameOf } from './call.ts';
import { readWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';
import { explain } from './explanation.ts';
import { checkDriver, checkIds, checkRange, checkText } from './operations-checks.ts';
import {
  differenceMessage,
  exchangeMessage,
  explainMessage,
  parkedMessage,
  pauseMessage,
  quarantinedMessage,
  reasonNumber,
  statusMessage,
} from './operations-messages.ts';
import { decodePageToken, encodePageToken, pageSize } from './page-token.ts';

/**
 * The on-call engineer's tools.
 *
 * Guarantees: the caller is named, the request is checked and the operation is on record before it is carried out; no whole government id and no token
 * of a person is in an answer, the record or the log; every operation may be repeated. Not guaranteed: one snapshot: an answer reads the present statement by statement.
 */
export type OperationsOptions = {
  db: Db;
  /** The regulator's name in the tables. */
  regulator: string;
  limits: EligibilityLimits;
  /** Reads events of the quarantine again and takes what can be taken; see ReplayResponse. Throws if the database is away. */
  replay(ids: readonly number[]): Promise<Replayed>;
  log: Log;
};

export type Replayed = {
  accepted: number;
  duplicate: number;
  outdated: number;
  refused: readonly { id: number; reason: Exclude<keyof typeof RejectedEvent_Reason, 'UNSPECIFIED'> }[];
  missing: number;
};

const EXCHANGES_AT_ONCE = 500;
const NEXT_STEP =
  'Set "on": false for the region in the configuration now: the next start of any instance puts the configuration in force again.';

export function openOperationsService(options: OperationsOptions): ServiceImpl<typeof OperationsService> {
  const { db, regulator, limits, replay } = options;
  const log = options.log.child({ part: 'api' });

  const { record, operation } = openAudited(db, log);

  return {
    status: operation(
      (_: StatusRequest) => ({}),
      async () => statusMessage(await readStatus(db, regulator)),
    ),

    explain: operation(
      ({ driver }: ExplainRequest) => checkDriver(driver),
      async (driver) => {
        const facts = await readDriverFacts(db, driver, regulator);
        return explainMessage(explain(facts, limits), facts);
      },
    ),

    listParked: operation(
      ({ reason, pageSize: size, pageToken }: ListParkedRequest) => ({
        reason: reason === '' ? null : checkText('reason', reason, 64),
        after: decodePageToken(pageToken, 0),
        limit: pageSize(size),
      }),
      async (page) => {
        const accounts = await readParked(db, page);
        return { accounts: accounts.map(parkedMessage), nextPageToken: tokenAfter(accounts, page.limit, 'position') };
      },
    ),

    wake: operation(checkWake, ({ driver, parkedReason }, _, signal) =>
      driver ? wakeDriver(db, driver) : wakeParked(db, parkedReason, signal),
    ),

    listQuarantine: operation(
      ({ pageSize: size, pageToken }: ListQuarantineRequest) => ({
        before: decodePageToken(pageToken, Number.MAX_SAFE_INTEGER),
        limit: pageSize(size),
      }),
      async ({ before, limit }) => {
        const events = await readQuarantine(db, before, limit);
        return { events: events.map(quarantinedMessage), nextPageToken: tokenAfter(events, limit, 'id') };
      },
    ),

    replay: operation(
      ({ ids }: ReplayRequest) => ({ ids: checkIds(ids) }),
      async ({ ids }) => {
        const { refused, ...counts } = await replay(ids);
        return {
          ...counts,
          refused: refused.map(({ id, reason }) => ({ id: BigInt(id), reason: reasonNumber(reason) })),
        };
      },
    ),

    pauseDelivery: operation(
      ({ reason }: PauseDeliveryRequest) => ({ reason: checkText('reason', reason, 200) }),
      async ({ reason }, pausedBy) => ({ pause: pauseMessage(await beginPause(db, { pausedBy, reason })) }),
    ),

    resumeDelivery: operation(
      (_: ResumeDeliveryRequest) => ({}),
      async () => {
        const ended = await endPause(db);
        return ended ? { ended: pauseMessage(ended) } : {};
      },
    ),

    drainRegion: operation(
      ({ region }: DrainRegionRequest) => ({ region: checkText('region', region, 64) }),
      async ({ region }) => {
        const version = await switchRegionOff(db, region);
        if (version === null) throw unknownRegion();
        const open = (await countOpen(db)).get(region) ?? 0;
        return { rulesVersion: BigInt(version), openAccounts: BigInt(open), nextStep: NEXT_STEP };
      },
    ),

    listDifferences: operation(
      ({ pageSize: size, pageToken }: ListDifferencesRequest) => ({
        before: decodePageToken(pageToken, Number.MAX_SAFE_INTEGER),
        limit: pageSize(size),
      }),
      async ({ before, limit }) => {
        const found = await readDifferences(db, before, limit);
        return { differences: found.map(differenceMessage), nextPageToken: tokenAfter(found, limit, 'no') };
      },
    ),

    async *exportExchanges(request: ExportExchangesRequest, context: HandlerContext) {
      const caller = callerNameOf(context.values);
      const driver = checkDriver(request.driver);
      const range = checkRange(request.from, request.to);
      await record(context, caller, { ...driver, ...range });
      const person = await readWithin(TIMEOUT_MS, context.signal, readPersonOf(db, driver));
      if (person === null) throw refuse('PROFILE_UNKNOWN');
      yield* exportPages(db, { person, ...range }, context.signal);
    },
  };
}

async function* exportPages(
  db: Db,
  of: { person: string; from: Date; to: Date },
  signal: AbortSignal,
): AsyncGenerator<MessageInitShape<typeof ExportExchangesResponseSchema>, void, void> {
  let after: ExchangePlace | null = null;
  do {
    const reading = readExchanges(db, { ...of, after, limit: EXCHANGES_AT_ONCE });
    const page: Awaited<typeof reading> = await readWithin(TIMEOUT_MS, signal, reading);
    if (page.exchanges.length > 0) yield { exchanges: page.exchanges.map(exchangeMessage) };
    after = page.exchanges.length < EXCHANGES_AT_ONCE ? null : page.last;
  } while (after !== null);
}

function checkWake({ which }: WakeRequest) {
  if (which.case === 'driver') return { driver: checkDriver(which.value), parkedReason: '' };
  return { driver: null, parkedReason: checkText('parked_reason', which.value ?? '', 64) };
}

function tokenAfter<Key extends string>(page: readonly Record<Key, number>[], limit: number, key: Key): string {
  const last = page.length === limit ? page.at(-1) : undefined;
  return last ? encodePageToken(last[key]) : '';
}

function unknownRegion() {
  const description = 'a region of the rules in force';
  return refuse('FILTER_UNKNOWN', { fields: [{ field: 'region', description }] });
}
