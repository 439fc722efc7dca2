import { startPostgres } from '../../simulator/database/postgres.ts';
import { tellStory } from './story.ts';
import { differences, heading, shown } from './table.ts';

/**
 * `make story`: a city on its way from watching to blocking and through an outage, as a table of what the service says beside what is true. Exit code 1 if
 * they differ, or the region did not fall back in time. Variables: `DRIVERS` (2000), `SEED` (1).
 */
const say = (text: string) => process.stdout.write(`${text}\n`);
/** From the limit of a minute on. */
const longestFallMs = 65_000;

async function main(): Promise<number> {
  const size = { drivers: numberOf('DRIVERS', 2_000), seed: numberOf('SEED', 1) };
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // The package that runs PostgreSQL listens too, and would end the process before everything is closed.
    for (const listener of process.listeners(name)) process.off(name, listener);
    process.once(name, () => stopped.abort(new Error('Interrupted.')));
  }
  say(`${size.drivers} drivers on a real PostgreSQL, in a time of their own. Nothing needs to be done.\n`);
  await using server = await startPostgres({ durable: false });
  say(heading);
  const story = await tellStory(size, server.url, (line) => say(shown(line)), stopped.signal);
  const { lines, foretold, reports, steppedBackAfterMs, blocksAgainAfterMs } = story;
  const wrong = differences(lines);
  if (foretold.said !== foretold.true) wrong.push(`the preview said ${foretold.said}, and ${foretold.true} is true`);
  if (!(steppedBackAfterMs <= longestFallMs))
    wrong.push('the region did not fall back within five seconds of its limit');
  if (!Number.isFinite(blocksAgainAfterMs)) wrong.push('the region did not come back');
  say('');
  for (const sentence of wrong) say(`WRONG: ${sentence}`);
  say(`${reports} calls to the regulator; ${lines.length} lines, ${wrong.length} differences`);
  return wrong.length === 0 ? 0 : 1;
}

function numberOf(name: string, otherwise: number): number {
  const text = process.env[name] ?? '';
  const number = text === '' ? otherwise : Number(text);
  if (!Number.isSafeInteger(number) || number < 1 || number > 100_000) throw new Error(`${name} must be 1 to 100,000.`);
  return number;
}

process.exit(
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  }),
);
