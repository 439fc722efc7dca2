/** Reads settings of a process from its environment; collects every problem and reports them together. */
export type EnvReader = {
  /** A whole number, from `least` to `most`. */
  number(name: string, fallback: number, least: number, most: number): number;
  /** A text, or null if it is absent or empty. */
  text(name: string): string | null;
  /** An http(s) address without a slash at the end, or null. */
  url(name: string): string | null;
  /** Throws one error that names all problems, if there were any. */
  check(): void;
};

export function openEnvReader(env: Readonly<Record<string, string | undefined>>): EnvReader {
  const problems: string[] = [];
  const text = (name: string) => env[name] || null;
  return {
    text,
    number(name, fallback, least, most) {
      const given = text(name);
      if (given === null) return fallback;
      const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
      if (value >= least && value <= most) return value;
      problems.push(`${name} must be a whole number from ${least} to ${most}`);
      return fallback;
    },
    url(name) {
      const given = text(name);
      if (given === null) return null;
      if (!/^https?:\/\//.test(given) || !URL.canParse(given)) problems.push(`${name} must be an http address`);
      return given.replace(/\/+$/, '');
    },
    check() {
      if (problems.length > 0) throw new Error(`${problems.join('; ')}.`);
    },
  };
}
