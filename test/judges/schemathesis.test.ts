import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSchemathesis } from '../../judges/schemathesis.ts';
import { pythonTool } from '../../judges/tools.ts';
import type { Listener } from '../../src/runtime/listener.ts';
import { openStillStub } from '../stub/examples.ts';

let stub: Listener;
beforeAll(async () => {
  stub = await openStillStub();
  await pythonTool('schemathesis==4.32.5');
}, 1_800_000);
afterAll(() => stub.close(0));

test('200 generated requests: no server error, no answer that the OpenAPI does not describe', async () => {
  const { ok, output, generated, passed } = await runSchemathesis(stub.url, 50);
  expect(ok, output).toBe(true);
  expect([generated, passed]).toEqual([200, 200]);
}, 600_000);
