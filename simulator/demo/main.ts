import { setTimeout as pause } from 'node:timers/promises';
import type { CityState } from '../city/city.ts';
import { openFigures } from './figures.ts';
import { hintsFor } from './hints.ts';
import { type DemoOptions, readOptions } from './options.ts';
import { readJson } from './read-json.ts';
import { openStage, type Stage } from './stage.ts';
import { openStatusLine } from './status-line.ts';
import { complaintsAbout, readVerdict, untilAtRest } from './verdict.ts';

/**
 * `make run`: the main job at work, in one command. PostgreSQL, a broker, the city, the service and a subscriber, each a process of its own; a line
 * of figures a second; with FOR, a verdict as the last line. Exit code 1 if anything differs, or could not start.
 */
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());

const say = (sentence: string) => process.stdout.write(`${sentence}\n`);
const redraw = (line: string): void =>
  void process.stdout.write(
    process.stdout.isTTY ? `\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}` : `${line}\n`,
  );

async function main(): Promise<number> {
  const options = readOptions(process.env);
  await using stage = await openStage(options, say);
  await using figures = await openFigures(stage.databaseUrl);
  await introduce(stage);
  const statusLine = openStatusLine(stage, figures);
  const until = await untilDone(stage, options, async () => redraw(await statusLine()));
  if (!until || stopped.signal.aborted) return 0;

  await readJson(`${stage.cityUrl}/control/freeze`, 'POST');
  const resting = new AbortController();
  const showing = show(async () => redraw(await statusLine()), AbortSignal.any([stopped.signal, resting.signal]));
  await untilAtRest(stage, figures);
  resting.abort();
  await showing;
  const { verdict, examples } = await readVerdict(stage, figures);
  const complaints = complaintsAbout(verdict);
  say('');
  for (const complaint of complaints) say(`WRONG: ${complaint}`);
  for (const { deptransId, ...example } of examples) {
    say(
      `  ${JSON.stringify(example)} ${JSON.stringify(await readJson(`${stage.cityUrl}/control/truth/${deptransId}`))}`,
    );
  }
  await stage[Symbol.asyncDispose]();
  say(JSON.stringify(verdict));
  return complaints.length === 0 ? 0 : 1;
}

async function introduce(stage: Stage): Promise<void> {
  const { service, cityUrl, subscriberUrl, brokers, databaseUrl } = stage;
  say('');
  say(`service     ${service.url}  (readiness ${service.url}/readyz, metrics ${service.metricsUrl})`);
  say(`city        ${cityUrl}/control/state`);
  say(`subscriber  ${subscriberUrl}/lag`);
  say(`PostgreSQL  ${databaseUrl}`);
  say(`broker      ${brokers ?? 'none, events are pushed'}`);
  say('');
  for (const { title, command } of hintsFor(stage, await someDriver(stage))) say(`${title}:\n  ${command}`);
  say('');
}

/** Any driver of the city. */
async function someDriver({ cityUrl }: Stage): Promise<{ parkId: string; driverId: string }> {
  const { profiles } = await readJson<{ profiles: { park_id: string; driver_id: string }[] }>(
    `${cityUrl}/driver-profiles/v1/profiles/updates?limit=1`,
  );
  return { parkId: profiles[0]?.park_id ?? '', driverId: profiles[0]?.driver_id ?? '' };
}

/** Shows a line a second until `signal`. */
async function show(draw: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await draw().catch((error: Error) => say(`(${error.message})`));
    await pause(1_000, undefined, { signal }).catch(() => undefined);
  }
}

/** Runs until FOR is over, counted from the first event (true), or until it is told to stop (false). */
async function untilDone({ cityUrl }: Stage, { forMs }: DemoOptions, draw: () => Promise<void>): Promise<boolean> {
  const over = new AbortController();
  const showing = show(draw, AbortSignal.any([stopped.signal, over.signal]));
  const events = async () => (await readJson<CityState>(`${cityUrl}/control/state`)).produced.messages;
  while (forMs !== null && !stopped.signal.aborted && (await events()) === 0) await pause(100);
  if (forMs !== null) await pause(forMs, undefined, { signal: stopped.signal }).catch(() => undefined);
  else await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve, { once: true }));
  over.abort();
  await showing;
  return forMs !== null;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
