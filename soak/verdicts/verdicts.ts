import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { drawCases } from '../../test/verdict/vectors/cases.ts';
import { seeded, textOf, vectorsOf } from '../../test/verdict/vectors/vectors.ts';
import type { Figures, Soak } from '../soak.ts';

const options = { cases: 100_000, seed: 2 };
const PAGE = 5_000;
const EXAMPLE = join(import.meta.dirname, '../../examples/python/run_verdicts.py');

/**
 * Draws facts, orders and policies, and has them judged by the verdict of the service and of the library, and by the one in Python, which shares no line with
 * it. `interpreter`: any Python 3.11.
 */
export async function compareVerdicts(
  { cases, seed }: typeof options,
  interpreter: string,
  signal: AbortSignal,
): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'deptrans-verdicts-'));
  const random = seeded(seed);
  const differ: string[] = [];
  let judged = 0;
  let failing = 0;
  try {
    while (judged < cases) {
      const page = vectorsOf(drawCases(Math.min(PAGE, cases - judged), random));
      const file = join(folder, 'cases.json');
      await writeFile(file, textOf(page));
      judged += page.cases.length;
      failing += page.cases.filter(({ expect }) => !expect.allowed).length;
      await promisify(execFile)(interpreter, [EXAMPLE, file], { signal }).catch((error: { stdout?: string }) => {
        if (!error.stdout) throw error;
        differ.push(...error.stdout.trim().split('\n').slice(0, -1));
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return {
    judged,
    blocked: failing,
    differ: differ.length,
    first: differ.slice(0, 3),
    ok: judged === cases && failing > 0 && differ.length === 0,
  };
}

export const verdictsSoak: Soak<typeof options> = {
  name: 'verdicts',
  shows: 'the verdict: two implementations that share no line say the same',
  options,
  deadlineMs: ({ cases }) => 60_000 + cases * 10,
  run: (size, signal) => compareVerdicts(size, 'python3', signal),
};
