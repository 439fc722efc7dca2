import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refuse } from '../../src/api/errors.ts';
import { openHttp } from '../../src/clients/http.ts';
import { readToken } from '../../src/regulator/moscow-wire.ts';
import { openWireClient } from '../../src/regulator/wire-client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { answers, type Edge, openEdge } from '../support/edge.ts';

/** An edge whose check asks a neighbour and the regulator, and both of them: what each was told of the trace, by the call's park. */
const heard: Record<string, (string | undefined)[]> = {};
const stack = new AsyncDisposableStack();
let edge: Edge;
beforeAll(async () => {
  const others = createServer((req, res) => {
    const park = req.url!.split('/').at(-1)!;
    heard[park] ??= [];
    heard[park].push(req.headers['traceparent'] as string | undefined);
    setImmediate(() => res.end('{}'));
  });
  await new Promise<void>((resolve) => others.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void others.close());
  const baseUrl = `http://127.0.0.1:${(others.address() as AddressInfo).port}`;
  const http = stack.use(openHttp({ baseUrl, deadlineMs: 60_000, timer: openMetrics(systemClock).timer('clients') }));
  const wire = openWireClient(baseUrl, 4, 60_000);
  stack.defer(() => wire.close());
  edge = await openEdge({
    diagnostics: {
      async checkDriver({ parkId }, { signal }) {
        await http.postJson('one', `/neighbour/${parkId}`, {}, signal);
        await wire.send({ method: 'GET', path: `/regulator/${parkId}` }, readToken, null, 60_000, signal);
        if (parkId === 'refused') throw refuse('SERVICE_DEGRADED');
        if (parkId === 'bug') throw new Error('of ours');
        return answers.check;
      },
    },
  });
  stack.defer(() => edge.close(0));
});
afterAll(() => stack.disposeAsync());

async function check(parkId: string, traceparent?: string): Promise<void> {
  const headers = { 'content-type': 'application/json', ...(traceparent !== undefined && { traceparent }) };
  const path = '/deptrans.v1.DiagnosticsService/CheckDriver';
  await fetch(edge.url + path, { method: 'POST', headers, body: JSON.stringify({ parkId }) });
}

const trace = (digit: string) => digit.repeat(32);
const linesOf = (traceId: string) =>
  edge.lines.filter((line) => line.includes(traceId)).map((line) => (JSON.parse(line) as { msg: string }).msg);

test('the trace of each of many calls at once goes to the neighbours and the regulator, with a span of our own', async () => {
  const digits = ['1', '2', '3', 'a', 'b'];
  await Promise.all(digits.map((digit) => check(`p${digit}`, `00-${trace(digit)}-00f067aa0ba902b7-01`)));
  for (const digit of digits) {
    const [toNeighbour, toRegulator] = heard[`p${digit}`]!;
    expect(toNeighbour).toMatch(new RegExp(`^00-${trace(digit)}-(?!00f067aa0ba902b7)[\\da-f]{16}-01$`));
    expect(toRegulator).toBe(toNeighbour);
  }
});

test.each([
  undefined,
  '',
  'nonsense',
  `00-${trace('0')}-00f067aa0ba902b7-01`,
  `00-${trace('c')}-${'0'.repeat(16)}-01`,
  `ff-${trace('c')}-00f067aa0ba902b7-01`,
  `00-${trace('C')}-00f067aa0ba902b7-01`,
  `00-${trace('c')}-00f067aa0ba902b7-01, 00-${trace('d')}-00f067aa0ba902b7-01`,
])('without a good traceparent (%s) a call begins a trace', async (traceparent) => {
  heard['own'] = [];
  await check('own', traceparent);
  expect(heard['own'][0]).toMatch(/^00-(?!0{32}|c{32})[\da-f]{32}-[\da-f]{16}-00$/);
});

test('every log line of a call has its trace', async () => {
  await check('bug', `00-${trace('d')}-00f067aa0ba902b7-00`);
  await expect.poll(() => linesOf(trace('d'))).toEqual(['call failed', 'call ended']);
  await check('refused', `00-${trace('e')}-00f067aa0ba902b7-00`);
  await expect.poll(() => linesOf(trace('e'))).toEqual(['call ended']);
});
