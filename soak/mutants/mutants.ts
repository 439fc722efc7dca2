import { startPostgres } from '../../simulator/database/postgres.ts';
import { makeTemplate } from '../../test/support/template.ts';
import type { Figures, Soak } from '../soak.ts';
import { mutations } from './mutations.ts';
import { openScratch, type Verdict } from './scratch.ts';

const options = { trap: 0 };
const FIRST_RUN_MS = 240_000;
const RUN_MS = 60_000;

const chosen = ({ trap }: typeof options) => mutations.filter((mutation) => trap === 0 || mutation.trap === trap);

/**
 * Takes the fixes out one by one, on a copy of the tree, and runs the tests of each trap. A mutation is killed if a test turned red; if the tests stay
 * green it survived, and if they cannot be run, or the text to be replaced is gone, nothing is shown either. The copy as it is must be green.
 */
export async function killMutants(
  size: typeof options,
  postgresUrl: string,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Figures> {
  const tried = chosen(size);
  if (tried.length === 0) throw new Error(`There is no mutation of trap ${size.trap}.`);
  await using scratch = await openScratch(postgresUrl);
  const untouched = await scratch.run([...new Set(tried.map(({ test }) => test))], signal);
  tell(`untouched: ${describe(untouched)}`);
  const killed: string[] = [];
  const alive: string[] = [];
  for (const mutation of untouched.kind === 'green' ? tried : []) {
    const verdict = await scratch.runMutated(mutation, signal);
    const trap = `T${mutation.trap}`;
    (verdict?.kind === 'red' ? killed : alive).push(trap);
    tell(`${trap} ${verdict?.kind === 'red' ? 'killed' : 'SURVIVED'}: ${mutation.naive}: ${describe(verdict)}`);
  }
  return {
    mutations: tried.length,
    killed: killed.length,
    alive,
    ok: killed.length === tried.length,
  };
}

function describe(verdict: Verdict | null): string {
  switch (verdict?.kind) {
    case undefined:
      return 'the text to replace does not stand in its file exactly once';
    case 'green':
      return 'all tests pass';
    case 'red':
      return `"${verdict.failed}" fails`;
    case 'broken':
      return `the tests could not be run: ${verdict.said}`;
    default:
      return verdict satisfies never;
  }
}

export const mutantsSoak: Soak<typeof options> = {
  name: 'mutants',
  shows: 'the tests of the traps: each turns red when its fix is taken out (trap 0 = all)',
  options,
  deadlineMs: (size) => FIRST_RUN_MS + chosen(size).length * RUN_MS,
  async run(size, signal) {
    await using server = await startPostgres({ durable: false });
    await makeTemplate(server.url);
    return await killMutants(size, server.url, signal, (line) => process.stdout.write(`${line}\n`));
  },
};
