import { parseArgs } from 'node:util';
import { runSoak, type Soak } from './soak.ts';
import { findSoak } from './soaks.ts';

/**
 * `npm run soak -- NAME [--option=number …]`. The last line of the output is a JSON object with the name, the options, the figures and `ok`.
 * Exit code 0 if the promise held, 1 if not or if the soak could not be run, 2 if it was asked for wrongly.
 */
function readArguments(): { soak: Soak; given: Record<string, number> } {
  const [name, ...rest] = process.argv.slice(2);
  const soak = findSoak(name);
  const options = Object.fromEntries(Object.keys(soak.options).map((option) => [option, { type: 'string' as const }]));
  const { values } = parseArgs({ args: rest, options });
  const given = Object.entries(values).map(([option, text]) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${option} must be a whole number.`);
    return [option, number] as const;
  });
  return { soak, given: Object.fromEntries(given) };
}

function fail(problem: unknown, code: 1 | 2): number {
  process.stderr.write(`${problem instanceof Error ? (code === 2 ? problem.message : problem.stack) : problem}\n`);
  return code;
}

async function main(): Promise<number> {
  const ending = new AbortController();
  let asked: ReturnType<typeof readArguments>;
  try {
    asked = readArguments();
  } catch (problem) {
    return fail(problem, 2);
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // The package that runs PostgreSQL listens too, and would end the process before everything is closed.
    for (const listener of process.listeners(name)) process.off(name, listener);
    process.once(name, () => ending.abort(new Error('Interrupted.')));
  }
  try {
    const line = await runSoak(asked.soak, asked.given, ending.signal);
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return line.ok ? 0 : 1;
  } catch (problem) {
    return fail(problem, 1);
  }
}

process.exit(await main());
