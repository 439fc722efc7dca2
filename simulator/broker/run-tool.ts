import { spawn } from 'node:child_process';

/** Runs a command to its end. A missing command and a failing one are errors of one sentence, with `advice` for the missing one. */
export function runTool(command: string, args: readonly string[], advice: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const keep = (text: Buffer) => {
      said = (said + text).slice(-4_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (cause) => reject(missingTool(command, advice, cause)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${firstErrorLine(said)}`));
    });
  });
}

/** What to say when a command cannot be started at all. */
export function missingTool(command: string, advice: string, cause: unknown): Error {
  return new Error(`The command "${command}" cannot be started. ${advice}`, { cause });
}

/** The line of a tool's output that says most, else its last one. */
export function firstErrorLine(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.find((line) => /error|exception/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}
