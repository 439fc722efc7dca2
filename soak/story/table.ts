import type { Line } from './story.ts';

const columns = ['connected', 'failing', 'unknown', 'blocked', 'refused'] as const;
const widths = { time: 5, what: 15, figure: 13 };

/** What stands above the lines. */
export const heading = [
  'time'.padEnd(widths.time),
  'what'.padEnd(widths.what),
  ...columns.map((name) => name.padStart(widths.figure)),
  '  (what the service says / what is true)',
].join(' ');

/** A line; a figure that is not the true one is marked. */
export function shown({ atMs, what, said, true: isTrue, note }: Line): string {
  const figures = columns.map((name) => {
    const mark = said[name] === isTrue[name] ? '' : '!';
    return `${mark}${said[name]} / ${isTrue[name]}`.padStart(widths.figure);
  });
  return [timeOf(atMs).padEnd(widths.time), what.padEnd(widths.what), ...figures, ` ${note}`].join(' ');
}

function timeOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
}

/** What of a story is not as it is told; empty if all is. */
export function differences(lines: readonly Line[]): string[] {
  return lines.flatMap(({ what, said, true: isTrue }) =>
    columns
      .filter((name) => said[name] !== isTrue[name])
      .map((name) => `${what}: ${name} is ${isTrue[name]}, and the service says ${said[name]}`),
  );
}
