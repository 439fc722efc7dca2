import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench, Readings, Size } from '../frame.ts';
import type { SideReadings } from './side-process.ts';

const PROFILES = { full: 1_000_000, small: 20_000 } as const satisfies Record<Size, number>;

/** The consumer's copy against a Map of objects: each fills itself, alone in a process, with an id and a shift for every profile, and is asked. */
export const consumerCheckBench: Bench = {
  name: 'consumer-check',
  trials: [
    {
      goals: ['P11', 'P11-memory', 'P11-load'],
      runs: 3,
      warmUps: 0,
      deadlineMs: 300_000,
      open: (size) => {
        const profiles = PROFILES[size];
        return Promise.resolve({
          subject: async (signal) => readingsOf(await measure('library', profiles, signal), profiles),
          baseline: async (signal) => readingsOf(await measure('map', profiles, signal), profiles),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        });
      },
    },
  ],
};

async function measure(side: 'library' | 'map', profiles: number, signal: AbortSignal): Promise<SideReadings> {
  const file = join(import.meta.dirname, 'side-process.ts');
  const options = ['--expose-gc', '--max-old-space-size=4096', file, side, String(profiles)];
  const { stdout } = await promisify(execFile)(process.execPath, options, { signal });
  return JSON.parse(stdout) as SideReadings;
}

function readingsOf(
  { memoryMb, coldUs, hotUs, halfFirstUs, halfUs, applyUs, dumpMs, loadMs, loadCpuMs }: SideReadings,
  profiles: number,
): Readings {
  return {
    P11: {
      value: coldUs,
      beside: {
        hotUs,
        halfFirstUs: halfFirstUs ?? Number.NaN,
        halfUs: halfUs ?? Number.NaN,
        applyUsPerRecord: applyUs,
      },
    },
    'P11-memory': {
      value: memoryMb,
      beside: { profiles, records: profiles * 2, bytesPerProfile: (memoryMb * 1e6) / profiles },
    },
    'P11-load': {
      value: (loadCpuMs ?? Number.NaN) / 1_000,
      beside: { loadWallMs: loadMs ?? Number.NaN, dumpWallMs: dumpMs ?? Number.NaN },
    },
  };
}
