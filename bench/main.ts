import { parseArgs } from 'node:util';
import { findBench } from './benches.ts';
import { runTrial, type Size } from './frame.ts';

/**
 * `npm run bench -- NAME [--runs N] [--size small]`: runs a benchmark and prints one JSON line per goal on standard output.
 *
 * Exit code 0: measured, whether the goal is reached (`ok`) or not; 1: it could not be measured, and one sentence on standard error says
 * why; 2: asked for in a wrong way. Ctrl-C ends it and everything it started.
 */
type Asked = { bench: ReturnType<typeof findBench>; runs: number | undefined; size: Size };

function readArguments(): Asked {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string' }, size: { type: 'string', default: 'full' } },
  });
  const { runs, size } = values;
  if (positionals.length > 1) throw new Error('Name one benchmark at a time.');
  if (size !== 'full' && size !== 'small') throw new Error('--size is full or small.');
  if (runs !== undefined && !/^([1-9]|[1-9]\d)$/.test(runs)) throw new Error('--runs is a number from 1 to 99.');
  return { bench: findBench(positionals[0]), runs: runs === undefined ? undefined : Number(runs), size };
}

function fail(problem: unknown, code: 1 | 2): number {
  process.stderr.write(`${problem instanceof Error ? problem.message : String(problem)}\n`);
  return code;
}

async function main(): Promise<number> {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // The package that runs PostgreSQL listens too, and would end the process before everything is closed.
    for (const listener of process.listeners(name)) process.off(name, listener);
    process.once(name, () => ending.abort(new Error('Interrupted.')));
  }
  let asked: Asked;
  try {
    asked = readArguments();
  } catch (problem) {
    return fail(problem, 2);
  }
  try {
    for (const plan of asked.bench.trials) {
      const lines = await runTrial(asked.bench.name, plan, { ...asked, signal: ending.signal });
      for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  } catch (problem) {
    return fail(problem, 1);
  }
  return 0;
}

// That package also sets the exit code to 0 when the process ends by itself.
process.exit(await main());
