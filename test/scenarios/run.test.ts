import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort, isFree } from '../support/free-port.ts';
import { type Demo, startDemo } from '../support/scenario-demo.ts';
import { openShell } from '../support/scenario-shell.ts';

test('through a broker: three commands to try, a line a second, and in the end a verdict without a difference', async () => {
  const ports = { PORT: String(await freePort()), SIM_PORT: String(await freePort()) };
  await using demo = startDemo({ ...ports, BROKER: 'kafka', DRIVERS: '400', RATE: '400', FOR: '20s' });
  await using shell = await openShell();
  await demo.untilLine(/ sessions [1-9]\d+ /);
  await disturb(`http://127.0.0.1:${ports.SIM_PORT}/control/regulator`);
  const [watch, list, check] = await commandsOf(demo);
  // At once, so that a slow machine has tried them before it is over.
  const [frames, page, verdicts] = await Promise.all([
    shell.runUntil(watch!, (printed) => printed.includes('"changes"')),
    shell.run(list!),
    shell.run(check!),
  ]);
  expect(frames).toMatch(/^\{\s*"hello"/);
  expect(JSON.parse(page)).toMatchObject({ has_more: true });
  expect(JSON.parse(verdicts)).toMatchObject({ verdicts: [{}, {}] });

  expect(await demo.ended, demo.lines.slice(-10).join('\n')).toEqual({ code: 0, complaints: '' });
  const verdict = JSON.parse(demo.lines.at(-1)!);
  expect(verdict).toEqual({
    events: expect.toSatisfy((n) => n > 1_000),
    reports: expect.toSatisfy((n) => n > 100), // how many more depends on what was merged
    people: 400,
    connectedAtEnd: expect.toSatisfy((n) => n >= 0.4 * 400),
    differ: 0,
    outOfOrder: 0,
    duplicates: expect.any(Number),
    waiting: 0,
    parked: expect.any(Number),
    subscriberDiffer: 0,
    sweepRepaired: {},
    covered: expect.toSatisfy((kinds) => Object.values(kinds).length > 20 && !Object.values(kinds).includes(0)),
    balance: expect.objectContaining({ taken: verdict.events, missing: 0 }),
  });
  await expectGone(demo);
}, 600_000);

test('without a broker events are pushed, and Ctrl-C ends everything', async () => {
  const ports = { PORT: String(await freePort()), SIM_PORT: String(await freePort()) };
  await using demo = startDemo({ ...ports, BROKER: 'none', DRIVERS: '60', RATE: '60' });
  await demo.untilLine(/^broker +none, events are pushed$/);
  await demo.untilLine(/^events\/s [1-9].* reports\/s [1-9]/);
  demo.interrupt();
  expect(await demo.ended).toEqual({ code: 0, complaints: '' });
  await expectGone(demo);
}, 600_000);

test.each(['PORT', 'SIM_PORT'])('a %s that is taken is one sentence', async (name) => {
  await using taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using demo = startDemo({
    PORT: String(await freePort()),
    SIM_PORT: String(await freePort()),
    [name]: String(port),
  });
  const complaints = `Port ${port} is taken: end what listens there, or choose another with ${name}=…\n`;
  expect(await demo.ended).toEqual({ code: 1, complaints });
  expect(demo.lines).toEqual([]);
});

test('what the variables may be is said in one sentence', async () => {
  await using demo = startDemo({ PORT: 'eighty', DRIVERS: '1', BROKER: 'kafka' });
  expect(await demo.ended).toEqual({
    code: 1,
    complaints: 'PORT must be a whole number from 1 to 65535; DRIVERS must be a whole number from 10 to 200000.\n',
  });
});

/** Lets happen at once what chance may not bring in so short a run. */
async function disturb(regulator: string): Promise<void> {
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${regulator}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
  };
  await post('/faults', { kind: 'lostAnswer', calls: ['status', 'batch'], count: 1 });
  await post('/faults', { kind: 'throttled', calls: ['status', 'batch'], count: 1 });
  await post('/expire-tokens', {});
}

/** The commands as printed, each below its title. */
async function commandsOf(demo: Demo): Promise<string[]> {
  await demo.untilLine(/^ +\S*buf curl -d/);
  return demo.lines.filter((line) => /^ {2}\S/.test(line)).map((line) => line.trim());
}

/** Nothing that was started listens any more. */
async function expectGone({ lines }: Demo): Promise<void> {
  const said = lines.slice(0, 12).join('\n');
  const ports = new Set([...said.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port)));
  expect(ports.size).toBeGreaterThanOrEqual(5);
  for (const port of ports) expect(await isFree(port), `port ${port}`).toBe(true);
}
