/**
 * What all soaks have in common. A soak shows a promise in its long form: it makes its own surroundings, does what its options say, ends by itself, and tells figures
 * of which `ok` says whether the promise held.
 */
export type Soak<Options extends Record<string, number> = Record<string, number>> = {
  readonly name: string;
  /** The promise, in a line. */
  readonly shows: string;
  /** What can be chosen, with the sizes of the long form. */
  readonly options: Options;
  /** The longest that a run of these options may take. */
  deadlineMs(options: Options): number;
  /** Rejects with the signal's reason when that aborts. */
  run(options: Options, signal: AbortSignal): Promise<Figures>;
};

export type Figures = Readonly<Record<string, unknown>> & { readonly ok: boolean };

/** The line that is printed. */
export type SoakLine = Figures & { name: string; seconds: number };

/** Runs a soak to its end, within its time. Throws if it fails to come to figures. */
export async function runSoak(
  soak: Soak,
  given: Partial<Record<string, number>>,
  signal: AbortSignal,
): Promise<SoakLine> {
  const options = { ...soak.options, ...given } as Record<string, number>;
  const deadlineMs = Math.ceil(soak.deadlineMs(options));
  const limit = AbortSignal.timeout(deadlineMs);
  const within = AbortSignal.any([signal, limit]);
  const beganMs = performance.now();
  try {
    const { ok, ...figures } = await soak.run(options, within);
    return { name: soak.name, ...options, ...figures, seconds: Math.round((performance.now() - beganMs) / 1000), ok };
  } catch (cause) {
    if (limit.aborted) throw new Error(`${soak.name} did not end within ${deadlineMs / 1000} s.`, { cause });
    throw cause;
  }
}
