import { type Timestamp, timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type GetLossRequest, type SupplyService, SupplyStep } from '../../gen/deptrans/v1/supply_pb.ts';
import type { Db } from '../store/database.ts';
import { readSupplyHistory, readSupplyNow, type StoredNow, type StoredStretch } from '../store/supply-figures.ts';
import { HOUR, joinStretches, MINUTE, type RegionFigures } from '../supply/supply.ts';
import { readWithin } from './database-deadline.ts';
import { refuse } from './errors.ts';
import { lossMessages } from './supply-messages.ts';
import { openPreview, type PreviewOptions } from './supply-preview.ts';

/** What blocking costs, as the instance that counts has written it; any instance answers. */
export type SupplyServiceOptions = PreviewOptions & { timeoutMs?: number };

const DAY = 24 * HOUR;
const MAX_STEPS = 1_500;
const STEP_MS: Partial<Record<SupplyStep, number>> = {
  [SupplyStep.MINUTE]: MINUTE,
  [SupplyStep.HOUR]: HOUR,
  [SupplyStep.DAY]: DAY,
};

export function openSupplyService(options: SupplyServiceOptions): ServiceImpl<typeof SupplyService> {
  const { db, regions, timeoutMs = 5_000 } = options;
  return {
    preview: openPreview(options),

    async getLoss(request, { signal }) {
      if (!regions.some(({ id }) => id === request.region)) {
        throw refuse('FILTER_UNKNOWN', {
          fields: [{ field: 'region', description: 'the name of a configured region' }],
        });
      }
      const range = checkStretches(request);
      const read = Promise.all([
        readSupplyNow(db),
        range ? readStretches(db, request.region, range) : Promise.resolve([]),
      ]);
      const [now, stretches] = await readWithin(timeoutMs, signal, read);
      const here = now.find(({ region }) => region === request.region);
      return { ...(here && { now: nowMessage(here) }), stretches: stretches.map(stretchMessage) };
    },
  };
}

type Range = { from: number; to: number; stepMs: number };

function checkStretches({ from, to, step }: GetLossRequest): Range | null {
  if (!from && !to && step === SupplyStep.UNSPECIFIED) return null;
  const stepMs = STEP_MS[step];
  const problems = [
    ...(isTime(from) ? [] : [{ field: 'from', description: 'a time' }]),
    ...(isTime(to) ? [] : [{ field: 'to', description: 'a time' }]),
    ...(stepMs ? [] : [{ field: 'step', description: 'a minute, an hour or a day' }]),
  ];
  if (!from || !to || !stepMs || problems.length > 0) throw refuse('REQUEST_MALFORMED', { fields: problems });
  const range = { from: timestampMs(from), to: timestampMs(to), stepMs };
  if (range.to <= range.from) {
    throw refuse('REQUEST_MALFORMED', { fields: [{ field: 'to', description: 'a time after `from`' }] });
  }
  if (range.to - range.from > MAX_STEPS * stepMs) {
    throw refuse('LIMIT_OUT_OF_RANGE', {
      fields: [{ field: 'to', description: `at most ${MAX_STEPS} steps after \`from\`` }],
    });
  }
  return range;
}

/** Beyond these a time is no time of the database's. */
function isTime(time: Timestamp | undefined): boolean {
  return time !== undefined && time.seconds > -60_000_000_000n && time.seconds < 250_000_000_000n;
}

/** The stretches that begin in a time. Hours that are not over, or not written yet, are made of their minutes. */
async function readStretches(db: Db, region: string, { from, to, stepMs }: Range): Promise<StoredStretch[]> {
  const first = Math.ceil(from / stepMs) * stepMs;
  const end = Math.ceil(to / stepMs) * stepMs;
  if (stepMs === MINUTE) return readSupplyHistory(db, { region, step: 'minute', from: first, to: end });
  const hours = await readSupplyHistory(db, { region, step: 'hour', from: first, to: end });
  const later = hours.length > 0 ? hours.at(-1)!.at.getTime() + HOUR : first;
  const minutes = await readSupplyHistory(db, { region, step: 'minute', from: Math.max(later, first), to: end });
  return joinStretches([...hours, ...minutes], stepMs);
}

function nowMessage({ at, policyVersion, unplaced, figures }: StoredNow) {
  return {
    asOf: timestampFromDate(at),
    policyVersion: BigInt(policyVersion),
    unplaced: BigInt(unplaced),
    losses: lossMessages(figures as RegionFigures, ({ people }) => people, false),
  };
}

function stretchMessage({ at, coveredMs, figures }: StoredStretch) {
  return {
    at: timestampFromDate(at),
    coveredSeconds: coveredMs / 1_000,
    losses: lossMessages(figures as RegionFigures, ({ ms }) => ms, true),
  };
}
