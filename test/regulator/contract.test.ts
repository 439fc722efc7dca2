import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { FaultRule } from '../../simulator/regulator/faults.ts';
import { openAdapter } from '../../soak/regulator-adapter.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { regulatorContract, type Subject, type Trouble } from './contract.ts';
import { openPair } from './pair.ts';
import { openSecondAdapter } from './second/adapter.ts';
import { openSecondCity } from './second/city.ts';

const never = new AbortController().signal;
const PATIENT_MS = 20_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.db.deleteFrom('deptrans.regulator_tokens').execute());

const FAULTS: Record<Trouble, FaultRule> = {
  wait: { kind: 'throttled', retryAfter: '3' },
  lost: { kind: 'lostAnswer' },
  reset: { kind: 'reset', applies: true },
  failed: { kind: 'serverError' },
  garbled: { kind: 'html' },
  hang: { kind: 'hang' },
};

async function openMoscowSubject(): Promise<Subject> {
  const pair = await openPair(database, {}, { maxBatch: 100 });
  const { regulator: city, adapter } = pair;
  for (const id of ['7', '8']) city.registry.put(id, `licence of ${id}`);
  await adapter.session('7', never); // logs in, for the hasty one too
  return {
    regulator: adapter,
    hasty: (deadlineMs) => openAdapter(database, city.url, { deadlineMs }),
    block: (id) => city.registry.block(id, Number.POSITIVE_INFINITY),
    isConnected: (id) => city.registry.shift(id, Date.now())?.endedAtMs === null,
    trouble: (kind) => void city.faults.add({ ...FAULTS[kind], calls: ['status'], count: 1 }),
    refuseCredentials: () => void city.faults.add({ kind: 'unauthorised' }),
    leave: () => city.availability.set('refused'),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

async function openSecondSubject(): Promise<Subject> {
  const city = await openSecondCity();
  for (const id of ['7', '8']) city.put(id, `licence of ${id}`);
  const adapter = openSecondAdapter({ ...city, deadlineMs: PATIENT_MS });
  return {
    regulator: adapter,
    hasty: (deadlineMs) => openSecondAdapter({ ...city, deadlineMs }),
    block: city.block,
    isConnected: city.isOnline,
    trouble: (kind) => void city.trouble.push(kind),
    refuseCredentials: city.refuseKeys,
    leave: () => city.availability.set('refused'),
    async [Symbol.asyncDispose]() {
      await adapter[Symbol.asyncDispose]();
      await city[Symbol.asyncDispose]();
    },
  };
}

regulatorContract("Moscow's regulator", openMoscowSubject);
regulatorContract('the regulator of another city', openSecondSubject);
