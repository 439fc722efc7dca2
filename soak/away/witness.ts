import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { sql } from 'kysely';
import type { Driver, DriverCache } from '../../consumer/driver-cache.ts';
import { DiagnosticsService, VerdictOutcome } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import type { Service } from '../../simulator/stage/service.ts';
import type { Db } from '../../src/store/database.ts';
import type { Kind } from '../histories/truth.ts';
import { readVersions } from '../histories/writer.ts';

type Seen = {
  looks: number;
  /** Answers that were UNKNOWN, as they had to be. */
  unknown: number;
  oldestMs: number;
  /** Answers, of the library or the service, that said they were younger than the loss is long, by more than a heartbeat is on its way. */
  younger: number;
  /** Looks at which the copy was not what it was before. */
  lost: number;
  /** Verdicts that are neither those of before nor, of facts that are too old, UNKNOWN. */
  misjudged: number;
  /** Checks that did not allow. */
  forbidden: number;
};

/** Looks at a subscriber's copy, and at the service beside it, while what they stand on is gone. */
export type Witness = {
  readonly seen: Seen;
  gone(atMs: number): void;
  look(): Promise<void>;
  /** The same for another copy, from which as much is expected. */
  passOn(cache: DriverCache): Witness;
};

export type WitnessOptions = {
  cache: DriverCache;
  /** Who answers checks too; null: nobody does. */
  service: Service | null;
  maxDataAgeMs: number;
};

/** How long a heartbeat was on its way is not in an age; a loaded machine keeps it for long. */
const SLACK_MS = 5_000;
const ORDER = { region: 'moscow' };

export function openWitness(options: WitnessOptions, before = stateOf(options.cache), since = 0): Witness {
  const { cache, service, maxDataAgeMs } = options;
  const client = service && createClient(DiagnosticsService, createGrpcTransport({ baseUrl: service.url }));
  const drivers = [...cache].slice(0, 50).map(({ parkId, driverId }): Driver => ({ parkId, driverId }));
  const seen: Seen = { looks: 0, unknown: 0, oldestMs: 0, younger: 0, lost: 0, misjudged: 0, forbidden: 0 };
  let goneAtMs = since;

  const weigh = (ageMs: number, awayMs: number, outcomes: readonly ('pass' | 'fail' | 'unknown')[]) => {
    seen.oldestMs = Math.max(seen.oldestMs, Math.round(ageMs));
    if (ageMs < awayMs - SLACK_MS) seen.younger += 1;
    const due = ageMs > maxDataAgeMs ? 'unknown' : 'pass';
    for (const outcome of outcomes) if (outcome !== due) seen.misjudged += 1;
    if (due === 'unknown') seen.unknown += outcomes.length;
  };
  return {
    seen,
    gone(atMs) {
      goneAtMs = atMs;
    },
    async look() {
      seen.looks += 1;
      for (const driver of drivers) {
        const awayMs = performance.now() - goneAtMs;
        const { deptransId, session, allowed, ageMs } = cache.check(driver, ORDER);
        weigh(ageMs, awayMs, [deptransId.outcome, session.outcome]);
        if (!allowed) seen.forbidden += 1;
      }
      if (stateOf(cache) !== before) seen.lost += 1;
      if (!client) return;
      const awayMs = performance.now() - goneAtMs;
      const { verdicts, freshness } = await client.checkDriver({ ...drivers[0]!, ...ORDER });
      weigh(
        Number(freshness!.sourceAgeMs),
        awayMs,
        verdicts.map(({ outcome }) => NAMES[outcome]!),
      );
    },
    passOn: (other) => openWitness({ ...options, cache: other }, before, goneAtMs),
  };
}

const NAMES = {
  [VerdictOutcome.PASS]: 'pass',
  [VerdictOutcome.FAIL]: 'fail',
  [VerdictOutcome.UNKNOWN]: 'unknown',
} as Record<VerdictOutcome, 'pass' | 'fail' | 'unknown'>;

/** Which version of each record a copy holds, as one text. */
function stateOf(cache: DriverCache): string {
  return [...versionsOf(cache, 'ids'), ...versionsOf(cache, 'statuses')]
    .map(([key, seq]) => `${key} ${seq}`)
    .sort()
    .join('\n');
}

function versionsOf(cache: DriverCache, kind: Kind): Map<string, number> {
  const versions = new Map<string, number>();
  for (const { parkId, driverId, id, session } of cache) {
    const record = kind === 'ids' ? id : session;
    if (record) versions.set(`${parkId}/${driverId}`, record.seq);
  }
  return versions;
}

/** Whether a copy holds what the database does, version by version. */
export async function isExact(cache: DriverCache, db: Db): Promise<boolean> {
  for (const kind of ['ids', 'statuses'] as const) {
    const truth = (await readVersions(db, kind, sql`true`, 0)).filter(({ deleted }) => !deleted);
    const held = versionsOf(cache, kind);
    if (held.size !== truth.length || truth.some(({ key, seq }) => held.get(key) !== seq)) return false;
  }
  return true;
}
