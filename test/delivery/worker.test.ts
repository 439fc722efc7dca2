import { expect, test } from 'vitest';
import type { Exchange } from '../../src/delivery/exchange.ts';
import { openWorker, type WorkerParts } from '../../src/delivery/worker.ts';
import type { Account } from '../../src/domain/report.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { SettleItem } from '../../src/store/settle.ts';
import { lookAt, MINUTE, NOW, settlementLimits } from '../support/accounts.ts';

const limits = {
  ...settlementLimits,
  maxSilenceMs: 60 * MINUTE,
  maxAgeMs: 60 * MINUTE,
  deadlineMs: 5_000,
  slackMs: 2_000,
  batch: 2,
};
const told = (outcome: Exchange['outcome']): Exchange => ({ outcome, entry: null });
const accepted = told({ kind: 'accepted', value: null });

/** Works on one account and tells what became of it: who settled, who was left, and what the pace still counts. */
async function work(account: Partial<Account>, parts: Partial<WorkerParts> = {}) {
  const counted = { inFlight: 1, undecided: 1 };
  const settled: SettleItem['settlement'][] = [];
  const left: unknown[] = [];
  const worker = openWorker({
    exchanges: {
      read: () => Promise.resolve(accepted),
      report: (_look, _plan, _occurredAt, _wait, ended) => setImmediate(() => ended.exchanged(accepted)),
    },
    writeIntents: (intents) => Promise.resolve(intents.map(() => ({ occurredAt: NOW, writtenAt: NOW.getTime() }))),
    settle(items) {
      settled.push(...items.map(({ settlement }) => settlement));
      return Promise.resolve();
    },
    settleLingerMs: () => 0,
    limits,
    journalKey: 'key',
    clock: systemClock,
    onReading: () => {},
    onFailure: (looks, error) => left.push(...looks.map(({ token }) => [token, error])),
    pace: {
      decided() {
        counted.undecided -= 1;
      },
      leave(undecided) {
        counted.inFlight -= 1;
        if (undecided) counted.undecided -= 1;
      },
    },
    ...parts,
  });
  const look = { ...lookAt(account), token: 1 };
  await worker.workOn([look], { version: 1, regions: [] }, new Map(), new AbortController().signal);
  return { counted, settled, left };
}

const error = new Error('no');
const fails: Partial<WorkerParts['exchanges']> = {
  read: () => Promise.reject(error),
  report: (_look, _plan, _occurredAt, _wait, ended) => ended.failed(error),
};
const exchanges = (changed: Partial<WorkerParts['exchanges']>): Partial<WorkerParts> => ({
  exchanges: { read: () => Promise.resolve(accepted), report: () => expect.unreachable(), ...changed },
});
const open = { believed: true }; // with nobody on line: to be closed
const doubtful = { believed: true, doubt: true };

test.each<[string, Partial<Account>, Partial<WorkerParts>, settled: number, left: unknown[]]>([
  ['nothing is to be told', {}, {}, 1, []],
  ['a report is accepted', open, {}, 1, []],
  ['a reading shows that nothing is to be told', doubtful, {}, 1, []],
  [
    'a reading says nothing',
    doubtful,
    exchanges({ read: () => Promise.resolve(told({ kind: 'unavailable' })) }),
    1,
    [],
  ],
  ['the lease was lost before the call', open, { writeIntents: () => Promise.resolve([null]) }, 0, []],
  ['the intent is not written', open, { writeIntents: () => Promise.reject(error) }, 0, [[1, error]]],
  ['a reading fails', doubtful, exchanges(fails), 0, [[1, error]]],
  ['a call is lost sight of', open, exchanges(fails), 0, [[1, error]]],
  ['what became of it is not written', open, { settle: () => Promise.reject(error) }, 0, [[1, error]]],
])('an account ends, and the pace counts it no more, when %s', async (_name, account, parts, settled, left) => {
  const ended = await work(account, parts);
  expect(ended.counted).toEqual({ inFlight: 0, undecided: 0 });
  expect(ended.settled).toHaveLength(settled);
  expect(ended.left).toEqual(left);
});

test('a report that follows a reading is one call more, and the account is settled once, with what was read', async () => {
  const session = {
    id: 's',
    status: 'online',
    raw: null,
    startedAt: null,
    endsAt: null,
    endIsEstimate: false,
  } as const;
  let reports = 0;
  const { counted, settled } = await work(
    doubtful,
    exchanges({
      read: () => Promise.resolve(told({ kind: 'accepted', value: session })),
      report(_look, { direction }, _occurredAt, _wait, ended) {
        reports += 1;
        expect(direction).toBe('disconnected');
        setImmediate(() => ended.exchanged(accepted));
      },
    }),
  );
  expect(reports).toBe(1);
  expect(settled).toMatchObject([{ account: { believed: false }, session, rows: { outcome: 'sent' } }]);
  expect(counted).toEqual({ inFlight: 0, undecided: 0 });
});
