import { sql } from 'kysely';
import { IDS } from './arena.ts';
import { sweep } from './city-commands.ts';
import { checkAlways, checkRest } from './invariants.ts';
import type { Job } from './job.ts';
import { type Command, goOn, perform } from './perform.ts';
import { passTime, type Run } from './run.ts';

/** Coming to rest takes fewer steps of our own than this, claims and calls and all. */
export const MOST_STEPS = 100;

/**
 * Lets everything that is ours happen, with a network that works and nobody who does anything, and then checks what must hold at rest. The sweep runs
 * only where positions or rules changed, and finds nothing at the end. Returns how many steps it took.
 */
export async function comeToRest(run: Run): Promise<number> {
  await goOn(run);
  let steps = 0;
  if (run.sweepAllowed) passTime(run, 31_000);
  for (;;) {
    steps += await settleDown(run);
    if (run.problems.length > 0) return steps;
    if (!run.sweepAllowed || (await sweep(run, run.arena.fast.db)) === 0) break;
    if (steps > MOST_STEPS) run.problems.push('the sweep finds no end');
  }
  for (const letter of Object.keys(IDS)) await perform(run, `land ${letter}`);
  await checkRest(run);
  const woken = await sweep(run, run.arena.fast.db);
  if (woken > 0) run.problems.push(`the sweep finds ${woken} at rest`);
  if (run.repaired > 0) run.problems.push(`the sweep repaired ${run.repaired}`);
  return steps;
}

async function settleDown(run: Run): Promise<number> {
  let steps = 0;
  for (let next = await nextStep(run); next; next = await nextStep(run)) {
    if (typeof next === 'number') passTime(run, next);
    else {
      steps += 1;
      await perform(run, next);
    }
    await checkAlways(run);
    if (steps > MOST_STEPS) run.problems.push('does not come to rest');
    if (run.problems.length > 0) break;
  }
  return steps;
}

/** The next command of ours, or how long to wait for one, or null at rest. */
async function nextStep(run: Run): Promise<Command | number | null> {
  for (const [worker, job] of run.jobs) return `${stepOf(job)} ${worker}`;
  const unblocked = Object.values(IDS).filter((id) => !run.regulator.known(id).blocked);
  const { rows } = await sql<{ routable: boolean; claimable: boolean; wait: number | null }>`
    select exists (select from deptrans.status_queue where due_at <= (select deptrans.now())) as routable,
           exists (select from deptrans.reports where due_at <= (select deptrans.now())) as claimable,
           (select extract(epoch from min(due_at) - deptrans.now()) * 1000 from deptrans.reports
             where lease_token is not null or verify_at < deptrans.now() + interval '1 hour' or (parked_reason is not null and deptrans_id = any(${unblocked}))
                or wait_reason in ('unknown_outcome', 'throttled', 'unauthorised', 'regulator_down', 'reading_failed', 'close_refused')
           )::float8 as wait`.execute(run.arena.fast.db);
  const { routable, claimable, wait } = rows[0]!;
  if (routable) return 'route';
  if (claimable) return 'claim w1';
  return wait === null ? null : Math.max(1, Math.ceil(wait));
}

/** What a job does next if all goes well. */
function stepOf({ stage }: Job): string {
  switch (stage.at) {
    case 'held':
      return 'decide';
    case 'reading':
      return 'read';
    case 'intent':
      return 'intent';
    case 'calling':
      if (stage.request.state === 'unsent') return 'send';
      return stage.request.state === 'dead' ? 'timeout' : 'answer';
    case 'settling':
      return 'settle';
    case 'gone':
      return 'kill';
    default:
      return stage satisfies never;
  }
}
