import { create, toJsonString } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { sql } from 'kysely';
import { expect, vi } from 'vitest';
import { DiagnosticsService, ExplainDriverResponseSchema } from '../../gen/deptrans/v1/diagnostics_pb.ts';
import { ContractorStatus } from '../../gen/deptrans/v1/records_pb.ts';
import { ContractorStatusEventSchema } from '../../gen/deptrans/v1/status_ingest_pb.ts';
import { openDiagnosticsService } from '../../src/api/diagnostics-service.ts';
import { openExplainDriver } from '../../src/api/explain-driver.ts';
import { openToAll } from '../../src/auth/auth.ts';
import type { DriverStatus } from '../../src/domain/driver-status.ts';
import { openEnforcement } from '../../src/enforcement/enforcement.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLifetime } from '../../src/runtime/lifetime.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { bind, readCaller } from '../../src/store/bindings.ts';
import { inTransaction } from '../../src/store/database.ts';
import { publish } from '../../src/store/publish.ts';
import { bindOptions, idOf } from './bindings.ts';
import { openDeliveryWorld } from './delivery-world.ts';
import { openEdge } from './edge.ts';
import { openTestFeed } from './feed/open-test-feed.ts';
import { intakeOver } from './operations-world.ts';
import { TEXTS } from './policy.ts';

const STATUSES = {
  offline: ContractorStatus.OFFLINE,
  online: ContractorStatus.ONLINE,
  busy: ContractorStatus.BUSY,
} as const satisfies Record<DriverStatus, ContractorStatus>;

/** Delivery, intake, feed and the policy in force over one database, and the explanations beside them. */
export async function openExplainWorld(options: Parameters<typeof openDeliveryWorld>[0] = {}) {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await openDeliveryWorld({ ...options, limits: { failuresToShut: 1, ...options.limits } }));
  const { db } = world;
  const intake = stack.use(intakeOver(db));
  let shift = 0;
  const clock = { ...systemClock, now: () => Date.now() + shift };
  const lifetime = openLifetime();
  const parts = { db, lifetime, clock, log: openLog('silent'), metrics: openMetrics(clock) };
  const feed = await openTestFeed(db, { clock });
  stack.defer(() => feed[Symbol.asyncDispose]());
  stack.defer(() => feed.lifetime.abort());
  const unread = { instance: 'one', regulator: 'moscow', readings: () => null, dataAgeMs: () => 0 };
  const enforcement = stack.use(openEnforcement({ ...parts, ...unread, maxDataAgeMs: 60_000, pollMs: 10 }));
  stack.defer(() => lifetime.abort());
  const judging = { feed, inForce: enforcement.inForce, texts: TEXTS, clock };
  const explainDriver = openExplainDriver({
    ...parts,
    ...judging,
    regulator: 'moscow',
    limits: { maxSilenceMs: 86_400_000 },
    journalKey: 'key',
    journalDays: 30,
    maxDataAgeMs: 60_000,
  });
  const edge = await openEdge(
    { diagnostics: { ...openDiagnosticsService(judging), explainDriver } },
    { auth: openToAll() },
  );
  stack.defer(() => edge.close(0));
  const transport = createConnectTransport({
    baseUrl: edge.url,
    httpVersion: '2',
    interceptors: [
      (next) => (request) => {
        request.header.set('x-caller', 'ann@oncall');
        return next(request);
      },
    ],
  });
  const diagnostics = createClient(DiagnosticsService, transport);
  const { advance, [Symbol.asyncDispose]: _, ...rest } = world;
  const secrets = new Set<string>();

  return {
    ...rest,
    feed,
    enforcement,
    diagnostics,
    now: () => new Date(clock.now()),
    async advance(ms: number) {
      shift += ms;
      await advance(ms);
    },
    /** A profile as driver-profiles tells it. */
    async person(person: string, profile: string) {
      secrets.add(person);
      await world.person(person, profile);
      const [parkId = '', driverId = ''] = profile.split('/');
      const { profile_no: no } = await db
        .selectFrom('deptrans.driver_persons')
        .select('profile_no')
        .where('park_id', '=', parkId)
        .where('driver_id', '=', driverId)
        .executeTakeFirstOrThrow();
      await inTransaction(db, (tx) => publish(tx, { profiles: [no] }));
    },
    /** Events as driver-status sends them. */
    take: (profile: string, ...events: [DriverStatus, Date][]) => {
      const [parkId = '', driverId = ''] = profile.split('/');
      const all = events.map(([status, at]) =>
        create(ContractorStatusEventSchema, {
          parkId,
          driverId,
          status: STATUSES[status],
          eventAt: timestampFromDate(at),
        }),
      );
      return intake.takeEvents(all, new AbortController().signal);
    },
    /** The profile's driver sets an id, as he would in the app. */
    async setId(profile: string, id: string) {
      secrets.add(id);
      const [parkId = '', driverId = ''] = profile.split('/');
      const driver = { parkId, driverId };
      const caller = await readCaller(db, driver, idOf(id));
      if (typeof caller === 'string') throw new Error(caller);
      world.regulator.registry.put(id, `licence of ${caller.person}`);
      const saved = await inTransaction(db, (tx) => bind(tx, { driver, deptransId: idOf(id), ...caller }, bindOptions));
      expect(saved).not.toBeNull();
      // With a token in hand an outage is one of the regulator, not of its login.
      await world.moscow.session(id, new AbortController().signal);
    },
    /** The explanation of a profile, once feed and policy are as new as the database; checks that no id and no token is in it. */
    async explain(profile: string, asOf?: Date) {
      const [parkId = '', driverId = ''] = profile.split('/');
      const { rows } = await sql<{
        seq: number;
      }>`select coalesce(max(seq), 0)::bigint as seq from deptrans.feed_log`.execute(db);
      await vi.waitFor(() => expect(feed.head()).toBeGreaterThanOrEqual(rows[0]!.seq), {
        timeout: 60_000,
        interval: 5,
      });
      await enforcement.runOnce();
      const answer = await diagnostics.explainDriver({
        parkId,
        driverId,
        ...(asOf && { asOf: timestampFromDate(asOf) }),
      });
      const text = toJsonString(ExplainDriverResponseSchema, answer);
      for (const secret of secrets) expect(text).not.toContain(secret);
      return answer;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
