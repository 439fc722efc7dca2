import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

/** Starts a process of the simulator and waits for its first line of log. */
async function start(file: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [`simulator/${file}`], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, said: JSON.parse(line) as { msg: string; url: string } };
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
  return child.exitCode;
}

test('the city listens and ends cleanly at SIGTERM, even while it waits for a service that is not there', async () => {
  const { child, said } = await start('main.ts', { SIM_PORT: '0', DRIVERS: '20', SERVICE_URL: 'http://127.0.0.1:9' });
  expect(said.msg).toBe('listening');
  const state = (await (await fetch(`${said.url}/control/state`)).json()) as { phase: string; people: number };
  expect(state).toMatchObject({ phase: 'binding', people: 20 });
  expect(await end(child)).toBe(0);
});

test('the subscriber listens, says that it has no connection, and ends cleanly', async () => {
  const { child, said } = await start('subscriber.ts', { SUBSCRIBER_PORT: '0', SERVICE_URL: 'http://127.0.0.1:9' });
  const lag = (await (await fetch(`${said.url}/lag`)).json()) as { ids: { connected: boolean; lagMs: null } };
  expect(lag.ids).toMatchObject({ connected: false, lagMs: null, records: 0 });
  expect(await end(child)).toBe(0);
});

test('bad settings are named together, a port that is taken is one sentence, both end with 1', async () => {
  const bad = await start('main.ts', { DRIVERS: 'many', RATE: '0', SERVICE_URL: 'here' });
  expect(bad.said.msg).toBe(
    'DRIVERS must be a whole number from 10 to 1000000; RATE must be a whole number from 1 to 50000; SERVICE_URL must be an http address.',
  );
  if (bad.child.exitCode === null) await once(bad.child, 'exit');
  expect(bad.child.exitCode).toBe(1);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { child, said } = await start('main.ts', { SIM_PORT: String(port) });
  expect(said.msg).toBe(`Port ${port} is taken: stop what listens there or choose another.`);
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(1);
  await new Promise((resolve) => taken.close(resolve));
});
