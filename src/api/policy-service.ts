import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type {
  Policy,
  PolicyService,
  PolicyServiceEndStepBackRequest,
  PolicyServiceGetRequest,
  PolicyServicePutRequest,
} from '../../gen/deptrans/v1/policy_pb.ts';
import { type PolicyProblem, policyFromStore, policyToStore, problemsOf } from '../enforcement/enforcement.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Db } from '../store/database.ts';
import { listPolicies, putPolicy, readPolicy, type StoredPolicy, setSuspended } from '../store/policies.ts';
import { readReadings } from '../store/region-readings.ts';
import { endStepBack, listStepBacks } from '../store/step-backs.ts';
import { openAudited } from './audited.ts';
import { refuse } from './errors.ts';
import { checkText } from './operations-checks.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';
import { readingMessage, stepBackMessage } from './step-back-messages.ts';

/**
 * The policy of enforcement, as its authors read and write it.
 *
 * Guarantees: a policy with any problem is not put in force, and all of its problems are said at once; of two authors who start from the same
 * version one is refused; every write is on record before it happens, without the people it names. Not guaranteed: that it is in force when the
 * answer comes; every instance reads it within a quarter of a second.
 */
export type PolicyServiceOptions = {
  db: Db;
  regions: readonly { id: string; tariffs: readonly string[] }[];
  clock: Clock;
  log: Log;
};

const MAX_REASON_BYTES = 500;
const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

export function openPolicyService(options: PolicyServiceOptions): ServiceImpl<typeof PolicyService> {
  const { db, regions, clock } = options;
  const { operation } = openAudited(db, options.log.child({ part: 'api' }));

  const put = async ({ policy, base, reason, validateOnly }: ReturnType<typeof checkPut>, author: string) => {
    const newest = await readPolicy(db);
    const before = policyFromStore(newest?.policy ?? {});
    const problems = problemsOf(policy, regions, before, clock.now());
    if (problems.length > 0) throw malformed(problems);
    const stored = policyToStore(policy!);
    if ((newest?.version ?? 0) !== base) throw refuse('CONFLICT');
    if (validateOnly) return { policy: versionMessage(asIfPut(stored, base, author, reason, newest, clock)) };
    const written = await putPolicy(db, { base, policy: stored, author, reason });
    if (!written) throw refuse('CONFLICT');
    return { policy: versionMessage(written) };
  };

  const suspendOrResume = (suspended: boolean) =>
    operation(
      ({ reason }: { reason: string }) => ({ reason: checkText('reason', reason, MAX_REASON_BYTES) }),
      async ({ reason }, author) => {
        const now = await setSuspended(db, suspended, { author, reason });
        const { policy: _, ...version } = versionMessage(now ?? NONE);
        return { policy: version };
      },
    );

  return {
    get: operation(
      ({ version }: PolicyServiceGetRequest) => ({ version: checkVersion(version) }),
      async ({ version }) => {
        const found = await readPolicy(db, version === 0 ? null : version);
        if (!found && version !== 0) throw refuse('POLICY_UNKNOWN');
        return { policy: versionMessage(found ?? NONE) };
      },
    ),

    // On record goes that a policy was put, not its whole text, which may name people: the version holds it.
    put: operation(checkPut, put, ({ base, reason, validateOnly }) => ({ base, reason, validateOnly })),

    history: operation(checkPages, async ({ limit, before }) => {
      const found = await listPolicies(db, before, limit);
      const last = found.length === limit ? found.at(-1) : undefined;
      const nextPageToken = last && last.version > 1 ? encodePageToken(last.version) : '';
      return { versions: found.map(versionMessage), nextPageToken };
    }),

    suspend: suspendOrResume(true),
    resume: suspendOrResume(false),

    listStepBacks: operation(checkPages, async ({ limit, before }) => {
      const found = await listStepBacks(db, before, limit);
      const last = found.length === limit ? found.at(-1) : undefined;
      const readings = before === Number.MAX_SAFE_INTEGER ? await readReadings(db) : [];
      return {
        stepBacks: found.map(stepBackMessage),
        nextPageToken: last ? encodePageToken(last.id) : '',
        readings: readings.map(readingMessage),
      };
    }),

    endStepBack: operation(
      ({ region, reason }: PolicyServiceEndStepBackRequest) => ({
        region: checkText('region', region, 64),
        reason: checkText('reason', reason, MAX_REASON_BYTES),
      }),
      async ({ region, reason }, name) => {
        const ended = await endStepBack(db, region, { name, reason });
        return ended ? { ended: stepBackMessage(ended) } : {};
      },
    ),
  };
}

function checkPut({ policy, baseVersion, reason, validateOnly }: PolicyServicePutRequest) {
  const said = checkText('reason', reason, MAX_REASON_BYTES);
  return { policy: policy as Policy | undefined, base: checkVersion(baseVersion), reason: said, validateOnly };
}

function checkVersion(version: bigint): number {
  if (version >= 0n && version <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(version);
  throw malformed([{ field: 'version', description: 'the number of a version' }]);
}

function checkPages({ pageSize, pageToken }: { pageSize: number; pageToken: string }) {
  return { limit: checkPage(pageSize), before: decodePageToken(pageToken, Number.MAX_SAFE_INTEGER) };
}

function checkPage(size: number): number {
  if (size >= 0 && size <= MAX_PAGE) return size || DEFAULT_PAGE;
  throw refuse('LIMIT_OUT_OF_RANGE', { fields: [{ field: 'page_size', description: `1 to ${MAX_PAGE}` }] });
}

function malformed(fields: readonly PolicyProblem[]) {
  return refuse('REQUEST_MALFORMED', { fields });
}

/** Before anything was put. */
const NONE: StoredPolicy = { version: 0, policy: {}, suspended: false, author: '', reason: '', putAt: new Date(0) };

function asIfPut(
  policy: object,
  base: number,
  author: string,
  reason: string,
  newest: StoredPolicy | null,
  clock: Clock,
): StoredPolicy {
  const suspended = newest?.suspended ?? false;
  return { version: base + 1, policy, suspended, author, reason, putAt: new Date(clock.now()) };
}

function versionMessage({ version, policy, suspended, author, reason, putAt }: StoredPolicy) {
  return {
    version: BigInt(version),
    policy: policyFromStore(policy),
    suspended,
    author,
    reason,
    ...(version > 0 && { putAt: timestampFromDate(putAt) }),
  };
}
