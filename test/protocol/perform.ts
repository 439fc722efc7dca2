import { cityCommands } from './city-commands.ts';
import { passTime, type Run, type Slot } from './run.ts';
import { type Perform, workerCommands } from './worker-commands.ts';

/**
 * A command of a trace, as text: `event P1 on`, `claim w1`, `slow 3 bind bob X`. `slow N …` stops the transaction of a command before its Nth statement, or the first of that name;
 * it stands there until `go`, or until another command waits for a lock that it holds. `slower N …` and `go slower` are a second one.
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
  for (const command of commands) performOf(command.replace(/^slow(er)? \S+ /, '').split(' ')[0]!);
  return commands;
}

/** Does one command, a millisecond after the one before. */
export async function perform(run: Run, command: Command): Promise<void> {
  passTime(run, 1);
  const [name = '', ...args] = command.split(' ');
  if (name === 'go') return goOn(run, [args[0] === 'slower' ? 'slower' : 'slow']);
  if (name === 'slow' || name === 'slower') return beginSlowly(run, name, args[0]!, args[1]!, args.slice(2));
  const act = performOf(name);
  await unlessBlocked(
    run,
    begin(run, () => act(run, args, run.arena.fast.db)),
  );
}

/** Ends the transactions that stand still. */
export async function goOn(run: Run, slots: readonly Slot[] = ['slow', 'slower']): Promise<void> {
  const works = slots.map((slot) => run.paused.get(slot));
  for (const slot of slots) {
    run.arena[slot].go();
    run.paused.delete(slot);
  }
  await unlessBlocked(
    run,
    begin(run, async () => {
      await Promise.all(works);
    }),
  );
}

async function beginSlowly(
  run: Run,
  slot: Slot,
  statement: string,
  name: string,
  args: readonly string[],
): Promise<void> {
  if (run.paused.has(slot)) return;
  const slow = run.arena[slot];
  slow.stopBefore(/^\d+$/.test(statement) ? Number(statement) : statement);
  const work = begin(run, () => performOf(name)(run, args, slow.db));
  await unlessBlocked(
    run,
    begin(run, () => Promise.race([slow.stopped(), work.end])),
  );
  if (work.ended) slow.go();
  else run.paused.set(slot, work.end);
}

/** Work that waits for a transaction which stands still makes those go on. */
async function unlessBlocked(run: Run, work: Work): Promise<void> {
  while (run.paused.size > 0 && !work.ended) {
    if (await run.arena.someoneWaits()) await goOn(run);
  }
  await work.end;
}

type Work = { readonly ended: boolean; readonly end: Promise<void> };

function begin({ problems }: Run, act: () => Promise<void> | void): Work {
  const work = { ended: false, end: Promise.resolve() };
  work.end = (async () => {
    try {
      await act();
    } catch (error) {
      if (!isDeadlock(error)) throw error;
      problems.push('a deadlock');
    } finally {
      work.ended = true;
    }
  })();
  return work;
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40P01';
}

function performOf(name: string): Perform {
  const known = name === 'go' ? () => {} : COMMANDS[name];
  if (!known) throw new Error(`There is no command "${name}".`);
  return known;
}
