import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import {
  type ContractorStatusEvent,
  ContractorStatusEventSchema,
  StatusIngestService,
} from '../../gen/deptrans/v1/status_ingest_pb.ts';
import type { Bearer } from '../bearer.ts';
import { toContractorEvent } from './contractor-event.ts';
import type { Message, Sink } from './outbox.ts';

const deadlineMs = 5_000;

/** By push to the service itself, for a machine without a broker. What is unreadable goes as an event with something missing. */
export function openPushSink(serviceUrl: string, bearer: Bearer | null): Sink {
  const transport = createConnectTransport({ baseUrl: serviceUrl, httpVersion: '1.1', acceptCompression: [] });
  const client = createClient(StatusIngestService, transport);
  return {
    async send(messages, signal) {
      const headers = new Headers(bearer ? { authorization: `Bearer ${await bearer()}` } : {});
      await client.reportStatuses({ events: messages.map(toEvent) }, { signal, timeoutMs: deadlineMs, headers });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function toEvent(message: Message): ContractorStatusEvent {
  if (message.kind === 'event') return toContractorEvent(message);
  const nowMs = Date.now();
  const broken = [
    { eventAt: timestampFromMs(nowMs) },
    { parkId: 'park-1', driverId: 'broken', eventAt: timestampFromMs(nowMs) },
    { parkId: 'park-1', driverId: 'broken', status: 1 },
    { parkId: 'park-1', driverId: 'broken', status: 1, eventAt: timestampFromMs(nowMs + 3_600_000) },
  ] as const;
  return create(ContractorStatusEventSchema, broken[message.no % broken.length]!);
}
