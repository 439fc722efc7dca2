import { cityCommands } from './city-commands.ts';
import { passTime, type Run } from './run.ts';
import { type Perform, workerCommands } from './worker-commands.ts';

/**
 * A command of a trace, as text: `event P1 on`, `claim w1`, `slow 3 bind bob X`. `slow N …` stops the transaction of a command before its Nth statement;
 * it stands there until `go`, or until another command waits for a lock that it holds.
 */
export type Command = string;

const COMMANDS: Record<string, Perform> = { ...cityCommands, ...workerCommands };

/** What a worker does from route on until its report is on its way, and until all is settled. What is not possible on the way does nothing. */
const SENDS = ['route', 'claim W', 'decide W', 'read W', 'intent W', 'send W'];
const SHORT: Record<string, readonly string[]> = { sends: SENDS, reports: [...SENDS, 'answer W', 'settle W'] };

/** Reads a trace: commands with ` · ` between them; `w1 sends` and `w1 reports` stand for several. */
export function parseTrace(trace: string): Command[] {
  const commands = trace.split('·').flatMap((text) => {
    const command = text.trim().replace(/\s+/g, ' ');
    const [worker = '', word = ''] = command.split(' ');
    return SHORT[word]?.map((step) => step.replace('W', worker)) ?? [command];
  });
  for (const command of commands) performOf(command.replace(/^slow \d+ /, '').split(' ')[0]!);
  return commands;
}

/** Does one command, a millisecond after the one before. */
export async function perform(run: Run, command: Command): Promise<void> {
  passTime(run, 1);
  const [name = '', ...args] = command.split(' ');
  if (name === 'go') return goOn(run);
  if (name === 'slow') return beginSlowly(run, Number(args[0]), args[1]!, args.slice(2));
  const act = performOf(name);
  await unlessBlocked(
    run,
    begin(() => act(run, args, run.arena.fast.db)),
  );
}

/** Ends the transaction that stands still, if there is one. */
export async function goOn(run: Run): Promise<void> {
  const { paused } = run;
  run.arena.slow.go();
  run.paused = null;
  await paused;
}

async function beginSlowly(run: Run, statement: number, name: string, args: readonly string[]): Promise<void> {
  if (run.paused !== null) return;
  const { slow } = run.arena;
  slow.stopBefore(statement);
  const work = begin(() => performOf(name)(run, args, slow.db));
  await Promise.race([slow.stopped(), work.end]);
  if (work.ended) slow.go();
  else run.paused = work.end;
}

/** A command that waits for the transaction which stands still makes that one go on. */
async function unlessBlocked(run: Run, work: Work): Promise<void> {
  while (run.paused && !work.ended) {
    if (await run.arena.someoneWaits()) await goOn(run);
  }
  await work.end;
}

type Work = { readonly ended: boolean; readonly end: Promise<void> };

function begin(act: () => Promise<void> | void): Work {
  const work = { ended: false, end: Promise.resolve() };
  work.end = (async () => {
    try {
      await act();
    } finally {
      work.ended = true;
    }
  })();
  return work;
}

function performOf(name: string): Perform {
  const known = name === 'go' ? () => {} : COMMANDS[name];
  if (!known) throw new Error(`There is no command "${name}".`);
  return known;
}
