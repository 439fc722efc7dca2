import { openRandom, type Random } from '../../simulator/random.ts';
import { type Arena, IDS, PEOPLE, PROFILES } from './arena.ts';
import { checkAlways } from './invariants.ts';
import type { Stage } from './job.ts';
import { type Command, goOn, perform } from './perform.ts';
import { comeToRest } from './rest.ts';
import { type Naive, openRun, type Run, type Slot, WORKERS } from './run.ts';
import type { Setting } from './settings.ts';

/**
 * The property test of the delivery protocol. Real: PostgreSQL, every statement of `src/store` that reporting uses, `workOn` with all decisions below
 * it, and the sweep. Replaced: the regulator and the way to it (`regulator-model.ts`), time (it stands still between commands), and processes (workers
 * that do one step per command and can be killed or left standing at each).
 *
 * A life is shown to keep its promises after each of its commands (`checkAlways`) and, left alone, to come to rest in truth (`checkRest`).
 * Not in it: pace, breaker and batches, tokens, session refresh, the dwell, refused DISCONNECTED, failover, the feed's numbers.
 */
export type Life = { commands: Command[]; problems: readonly string[]; steps: number };

/** A life of `length` commands chosen by `seed`, and its coming to rest. Stops at the first problem. */
export function walk(
  arena: Arena,
  setting: Setting,
  seed: number | string,
  length: number,
  naive?: Naive,
): Promise<Life> {
  const random = openRandom(seed);
  return live(arena, setting, (run, done) => (done < length ? choose(run, random) : null), naive);
}

/** A life by a trace. */
export function replay(arena: Arena, setting: Setting, trace: readonly Command[], naive?: Naive): Promise<Life> {
  return live(arena, setting, (_, done) => trace[done] ?? null, naive);
}

async function live(
  arena: Arena,
  setting: Setting,
  next: (run: Run, done: number) => Command | null,
  naive?: Naive,
): Promise<Life> {
  const run = await openRun(arena, setting, naive);
  const commands: Command[] = [];
  let steps = 0;
  for (let command = next(run, 0); command && run.problems.length === 0; command = next(run, commands.length)) {
    commands.push(command);
    await perform(run, command);
    await checkAlways(run);
  }
  if (run.problems.length === 0) steps = await comeToRest(run);
  await goOn(run);
  return { commands, problems: run.problems, steps };
}

/** Takes commands away from a failing life as long as it still fails: its end first, then one by one. */
export async function shrink(arena: Arena, setting: Setting, failing: Life, naive?: Naive): Promise<Life> {
  let best = failing;
  const fails = async (commands: Command[]) => {
    const life = await replay(arena, setting, commands, naive);
    if (life.problems.length === 0) return false;
    best = life;
    return true;
  };
  for (let size = Math.ceil(best.commands.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let at = Math.max(0, best.commands.length - size); ; at -= size) {
      const { commands } = best;
      await fails([...commands.slice(0, Math.max(0, at)), ...commands.slice(Math.max(0, at + size))]);
      if (at <= 0) break;
    }
  }
  return best;
}

type Choices = readonly (readonly [weight: number, command: Command])[];

/** The next command: mostly a step of some worker, sometimes something of the city; time and late requests by a slow clock of their own. */
function choose(run: Run, random: Random): Command {
  const letter = random.pick(Object.keys(IDS));
  if (random.chance(0.04)) return random.pick(['wait 3', 'wait 11', 'wait 31', 'wait 31', 'wait 125', 'wait 310']);
  if (random.chance(0.04)) return random.pick([`land ${letter}`, `land ${letter}`, `die ${letter}`]);
  if (run.paused.size > 0 && random.chance(0.25)) return random.pick(['go', 'go slower']);
  if (run.paused.size < 2 && random.chance(0.06)) return slowly(random, run.paused.has('slow') ? 'slower' : 'slow');
  const job = [...run.jobs].at(random.int(Math.max(1, run.jobs.size)));
  if (job && random.chance(0.6)) return `${weigh(random, movesOf(job[1].stage))} ${job[0]}`;
  if (random.chance(0.4)) return random.chance(0.5) ? 'route' : `claim ${random.pick(WORKERS)}`;
  return random.chance(0.1) ? 'sweep' : happening(random);
}

function slowly(random: Random, slot: Slot): Command {
  const inner = random.pick([
    'route',
    'route',
    'claim w4',
    'claim w4',
    `bind ${random.pick(PEOPLE)} ${random.pick(Object.keys(IDS))}`,
    remap(random),
  ]);
  return `${slot} ${1 + random.int(inner.startsWith('claim') ? 3 : 7)} ${inner}`;
}

function remap(random: Random): Command {
  return `remap ${random.pick(PROFILES)} ${random.pick([...PEOPLE, 'none'])}`;
}

function happening(random: Random): Command {
  const profile = random.pick(PROFILES);
  const person = random.pick(PEOPLE);
  const letter = random.pick(Object.keys(IDS));
  const switched = random.pick(['on', 'off']);
  const event = `event ${profile} ${random.pick(['on', 'on', 'off', 'off', 'busy'])}`;
  return weigh(random, [
    [40, event],
    [5, `${event} ${random.pick(['late', 'same'])}`],
    [6, `flip ${profile}`],
    [2, 'again'],
    [1, 'topic'],
    [7, remap(random)],
    [5, `tariff ${profile} ${switched}`],
    [8, `bind ${person} ${letter}`],
    [3, `check ${person} ${letter}`],
    [4, `save ${person}`],
    [3, `unbind ${person}`],
    [5, `place ${profile} ${random.pick(['in', 'in', 'out', 'unknown'])}`],
    [2, `region ${switched}`],
    [4, `block ${letter} ${switched}`],
    [4, `over ${letter}`],
  ]);
}

function movesOf(stage: Stage): Choices {
  switch (stage.at) {
    case 'held':
      return [
        [85, 'decide'],
        [8, 'kill'],
        [7, 'release'],
      ];
    case 'reading':
      return [
        [80, 'read'],
        [10, 'unread'],
        [10, 'kill'],
      ];
    case 'intent':
      return [
        [90, 'intent'],
        [10, 'kill'],
      ];
    case 'calling':
      return callMoves(stage.request.state);
    case 'settling':
      return [
        [85, 'settle'],
        [15, 'kill'],
      ];
    case 'gone':
      return [[1, 'kill']];
    default:
      return stage satisfies never;
  }
}

function callMoves(state: 'unsent' | 'flying' | 'landed' | 'dead'): Choices {
  switch (state) {
    case 'unsent':
      return [
        [85, 'send'],
        [8, 'kill'],
        [3, 'refuse'],
        [2, 'forbid'],
        [2, 'timeout'],
      ];
    case 'flying':
      return [
        [60, 'answer'],
        [14, 'lose'],
        [8, 'timeout'],
        [8, 'throttle'],
        [10, 'kill'],
      ];
    case 'landed':
      return [
        [60, 'answer'],
        [20, 'lose'],
        [20, 'kill'],
      ];
    case 'dead':
      return [[1, 'timeout']];
    default:
      return state satisfies never;
  }
}

function weigh(random: Random, choices: Choices): Command {
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, command] of choices) {
    left -= weight;
    if (left < 0) return command;
  }
  return choices.at(-1)![1];
}
