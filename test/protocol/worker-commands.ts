import type { Outcome } from '../../src/domain/outcome.ts';
import type { Session } from '../../src/domain/session.ts';
import { claim, release } from '../../src/store/claim.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { writeIntents } from '../../src/store/intent.ts';
import { route } from '../../src/store/route.ts';
import { settle } from '../../src/store/settle.ts';
import { IDS } from './arena.ts';
import { checkReopening } from './invariants.ts';
import { openJob, type Stage } from './job.ts';
import type { Request } from './regulator-model.ts';
import { nowOf, passTime, type Run } from './run.ts';
import { LEASE_MS, PERSON_RETRY_MS } from './settings.ts';

/** Does something in a run, through `db` where it is a transaction; what is not possible just now does nothing. */
export type Perform = (run: Run, args: readonly string[], db: Db) => Promise<void> | void;

type At<Name extends Stage['at']> = Extract<Stage, { at: Name }>;

/** A command of worker `args[0]`, possible at one stage of its job. */
const when =
  <Name extends Stage['at']>(
    at: Name,
    act: (run: Run, stage: At<Name>, worker: string, db: Db) => Promise<void> | void,
  ): Perform =>
  async (run, [worker = ''], db) => {
    const stage = run.jobs.get(worker)?.stage;
    if (stage?.at !== at) return;
    await act(run, stage as At<Name>, worker, db);
    if (run.jobs.get(worker)?.stage.at === 'gone') run.jobs.delete(worker);
  };

/** The call ends like this, as far as its caller knows. */
const endCall = (outcome: Outcome<Session | null>, requestIs?: 'dead'): Perform =>
  when('calling', async (run, { request, answer }, worker) => {
    if (requestIs && request.state === 'landed') return;
    if (requestIs) request.state = requestIs;
    if (request.state === 'unsent') request.state = 'dead';
    request.awaited = false;
    await run.jobs.get(worker)!.proceed(() => answer(outcome));
  });

/** What instances do, and what becomes of their calls. The first argument is the worker, or the letter of an id. */
export const workerCommands = {
  async route(run, _, db) {
    const options = { limit: 10, personRetryMs: PERSON_RETRY_MS, maxAgeMs: run.limits.maxAgeMs, slot: 'route' };
    await inTransaction(db, (tx) => route(tx, options));
  },
  async claim(run, [worker = ''], db) {
    if (run.jobs.has(worker)) return;
    const one = (tx: Db) => claim(tx, 1, LEASE_MS);
    const { looks, rulesVersion } = await inTransaction(db, (tx) => run.naive.claim?.(tx, one) ?? one(tx));
    const look = looks[0];
    if (look) run.jobs.set(worker, openJob(run, look, await run.rules.at(rulesVersion)));
  },
  decide: when('held', async (run, _, worker) => run.jobs.get(worker)!.decide()),
  read: when('reading', async (run, { answer }, worker) => {
    const { look, proceed } = run.jobs.get(worker)!;

    await proceed(() => answer(run.regulator.read(look.account.deptransId)));
  }),
  unread: when('reading', async (run, { answer }, worker) => {
    await run.jobs.get(worker)!.proceed(() => answer({ kind: 'unknown', reason: 'timeout' }));
  }),
  intent: when('intent', async (run, { intent, written }, worker, db) => {
    if (intent.direction === 'connected') checkReopening(run, run.jobs.get(worker)!.look);
    const [intended = null] = await inTransaction(db, (tx) => writeIntents(tx, [intent]));
    await run.jobs.get(worker)!.proceed(() => written(intended));
  }),
  send: when('calling', (_, { request }) => {
    if (request.state === 'unsent') request.state = 'flying';
  }),
  land(run, [letter = '']) {
    const request = run.requests.find(({ id, state }) => id === idOf(letter) && state === 'flying');
    if (request) land(run, request);
  },
  die(run, [letter = '']) {
    const request = run.requests.find(({ id, state }) => id === idOf(letter) && state === 'flying');
    if (request) request.state = 'dead';
  },
  answer: when('calling', async (run, { request, answer }, worker) => {
    if (request.state === 'flying') land(run, request);
    if (request.state !== 'landed') return;
    request.awaited = false;

    await run.jobs.get(worker)!.proceed(() => answer(request.answer));
  }),
  lose: endCall({ kind: 'unknown', reason: 'connection_lost' }),
  async timeout(run, args, db) {
    const stage = run.jobs.get(args[0] ?? '')?.stage;
    if (stage?.at !== 'calling') return;
    passTime(run, Math.max(0, stage.request.begunAt + run.limits.deadlineMs - nowOf(run)));
    await endCall({ kind: 'unknown', reason: 'timeout' })(run, args, db);
  },
  throttle: endCall({ kind: 'throttled', retryAfterMs: 3_000 }, 'dead'),
  refuse: endCall({ kind: 'unavailable' }, 'dead'),
  forbid: endCall({ kind: 'unauthorised' }, 'dead'),
  settle: when('settling', async (run, { item, settled }, worker, db) => {
    const { ordersByOccurredAt } = run.limits;
    const told = item.journal.filter(({ outcome }) => outcome === 'accepted' || outcome === 'already');
    if (told.some(({ kind }) => kind === 'outcome' || !ordersByOccurredAt))
      run.cleared.add(item.look.account.deptransId);
    const given = (await run.naive.item?.(item, db)) ?? item;
    await inTransaction(db, (tx) => settle(tx, [given], { slot: 'settle', maxAgeMs: run.limits.maxAgeMs }), {
      asyncCommit: run.naive.settlesLoosely === true,
    });
    await run.jobs.get(worker)!.proceed(settled);
  }),
  kill(run, [worker = '']) {
    const stage = run.jobs.get(worker)?.stage;
    if (stage?.at === 'calling') {
      stage.request.awaited = false;
      if (stage.request.state === 'unsent') stage.request.state = 'dead';
    }
    run.jobs.delete(worker);
  },
  release: when('held', async (run, _, worker, db) => {
    await release(db, [run.jobs.get(worker)!.look.token]);
    run.jobs.delete(worker);
  }),
} satisfies Record<string, Perform>;

function land(run: Run, request: Request): void {
  request.state = 'landed';
  request.answer = run.regulator.apply(request, nowOf(run));
}

function idOf(letter: string): string | undefined {
  return IDS[letter as keyof typeof IDS];
}
