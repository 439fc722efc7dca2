import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { beforeAll, expect, test, vi } from 'vitest';
import { IncrementalUpdatesService } from '../../gen/deptrans/v1/incremental_updates_pb.ts';
import type { SessionRecord } from '../../gen/deptrans/v1/records_pb.ts';
import { untilReady } from '../../simulator/stage/service.ts';
import { openPython } from '../foreign/python.ts';
import { expectExact, openScenario } from '../support/scenario.ts';
import { type HeldRecord, openPythonConsumer } from '../support/scenario-python.ts';

let python: Awaited<ReturnType<typeof openPython>>;
beforeAll(async () => {
  python = await openPython();
}, 600_000);

test('consumers in Python that watch from the beginning and from half-way end with what the list says', async () => {
  await using scenario = await openScenario({ people: 200, rate: 300 });
  const { simulator, serviceUrl, startService } = scenario;
  await startService();
  await untilReady(serviceUrl);
  await using fromTheBeginning = await openPythonConsumer(python, serviceUrl);
  expect(await fromTheBeginning.ask('whole')).toBe(true);
  await simulator.city.start();
  await untilAccepted(200);
  await using fromHalfWay = await openPythonConsumer(python, serviceUrl);
  await untilAccepted(400);
  expectExact(await scenario.rest());

  const listed = await readToTheEnd(serviceUrl, 50);
  expect(Object.keys(listed.sessions).length).toBeGreaterThan(150);
  expect(await fromTheBeginning.ask('dump', 'statuses', listed.seq)).toEqual(listed.sessions);
  expect(await fromHalfWay.ask('dump', 'statuses', listed.seq)).toEqual(listed.sessions);

  function untilAccepted(reports: number): Promise<void> {
    const { answers } = simulator.regulator.calls;
    return vi.waitFor(() => expect(answers['accepted']).toBeGreaterThan(reports), { timeout: 120_000 });
  }
}, 600_000);

/** All pages of the list, applied in turn. */
async function readToTheEnd(serviceUrl: string, limit: number) {
  const client = createClient(IncrementalUpdatesService, createGrpcTransport({ baseUrl: serviceUrl }));
  const sessions: Record<string, HeldRecord> = {};
  let seq = 0n;
  let cursor: Uint8Array = new Uint8Array();
  for (let more = true; more; ) {
    const page = await client.listStatusUpdates({ cursor, limit });
    for (const record of page.statuses) {
      const key = `${record.parkId}/${record.driverId}`;
      if (record.deleted) delete sessions[key];
      else sessions[key] = toWatched(record);
      seq = record.seq;
    }
    cursor = page.cursor;
    more = page.hasMore;
  }
  return { sessions, seq };
}

function toWatched({ sessionStatus, updatedAt, endedAt, region, seq }: SessionRecord): HeldRecord {
  return {
    session_status: sessionStatus,
    updated_at: toMicroseconds(updatedAt!),
    ended_at: endedAt ? toMicroseconds(endedAt) : null,
    region,
    seq: Number(seq),
  };
}

function toMicroseconds({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000);
}
