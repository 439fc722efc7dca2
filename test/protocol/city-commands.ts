import { openSweep } from '../../src/delivery/sweep.ts';
import { type DeptransId, parseDeptransId } from '../../src/domain/binding.ts';
import { type DriverStatus, replayHorizonMs } from '../../src/domain/driver-status.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { bind, readCaller, unbind } from '../../src/store/bindings.ts';
import { type Db, inTransaction } from '../../src/store/database.ts';
import { takeEvents } from '../../src/store/intake.ts';
import { writeCategories } from '../../src/store/mirror-categories.ts';
import { writeMappings } from '../../src/store/mirror-profiles.ts';
import { publish } from '../../src/store/publish.ts';
import { deleteAccounts, deleteOfflineStates } from '../../src/store/retention.ts';
import { IDS } from './arena.ts';
import { nowOf, type Place, POINTS, passTime, placeOf, type Run, switchRegion } from './run.ts';
import type { Perform } from './worker-commands.ts';

const PARK = 'park';
const DAY_MS = 86_400_000;
const MODE = { touch: false, quiet: false };
const SHIFTS_MS: Readonly<Record<string, number>> = { late: -40_000, future: 3_600_000, ancient: -9 * DAY_MS };

/** What happens to drivers, people and ids, to the regulator's mind, and to time. */
export const cityCommands = {
  async event(run, [profile = '', word = '', when = ''], db) {
    const known = run.drivers.get(profile);
    const at = when === 'same' && known ? known.at : nowOf(run) + (SHIFTS_MS[when] ?? 0);
    await take(run, profile, [[word === 'off' ? 'offline' : word === 'busy' ? 'busy' : 'online', at]], db);
  },
  /** Off and on again in one batch. */
  async flip(run, [profile = ''], db) {
    const at = nowOf(run);
    await take(
      run,
      profile,
      [
        ['offline', at - 1],
        ['online', at],
      ],
      db,
    );
  },
  /** The topic gives the last message again. */
  async again(run, _, db) {
    if (run.offset > 0) await takeAt(run, run.offset - 1, [{ profile: 'P1', status: 'online', at: nowOf(run) }], db);
  },
  /** The topic is deleted and made again. */
  topic(run) {
    run.generation += 1;
    run.offset = 0;
  },
  async remap(run, [profile = '', person = ''], db) {
    const row = {
      parkId: PARK,
      driverId: profile,
      person: person === 'none' ? null : person,
      deleted: person === 'none',
    };
    run.changeNo += 1;
    const mode = { ...MODE, changeNo: run.changeNo };
    await inTransaction(db, async (tx) => publish(tx, await writeMappings(tx, [row], mode)));
  },
  async tariff(run, [profile = '', word = ''], db) {
    const row = { parkId: PARK, driverId: profile, categories: word === 'on' ? ['econom'] : [] };
    run.changeNo += 1;
    const mode = { ...MODE, changeNo: run.changeNo };
    await inTransaction(db, (tx) => writeCategories(tx, [row], mode));
  },
  /** An id is checked for a person … */
  async check(run, [person = '', letter = ''], db) {
    const driverId = await profileOf(db, person);
    if (!driverId) return;
    const text = textOf(letter);
    const id = run.naive.keepsTexts ? (text as DeptransId) : parseDeptransId(text)!;
    const driver = { parkId: PARK, driverId };
    const read = () => readCaller(db, driver, id);
    const checked = await read();
    run.checkNo += 1;
    const no = run.checkNo;
    run.checks.set(person, async () => {
      const caller = run.naive.savesAnyCheck ? await read() : checked;
      if (typeof caller === 'string') return;
      const binding = { driver, deptransId: id, ...caller };
      const bound = await inTransaction(db, (tx) => bind(tx, binding, { journalKey: 'key', lockTimeoutMs: 20_000 }));
      if (bound) noteSaved(run, [caller.person, id], no);
    });
  },
  /** … and the check is saved. */
  async save(run, [person = '']) {
    const save = run.checks.get(person);
    run.checks.delete(person);
    await save?.();
  },
  async bind(run, args, db) {
    await cityCommands.check(run, args, db);
    await cityCommands.save(run, args);
  },
  async unbind(_, [person = ''], db) {
    await inTransaction(db, (tx) => unbind(tx, person, { journalKey: 'key', reason: 'test' }));
  },
  place(run, [profile = '', place = '']) {
    run.sweepAllowed = true;
    run.places.set(profile, place as Place);
  },
  async region(run, [word = ''], db) {
    run.sweepAllowed = !run.naive.drainsOnce;
    await switchRegion(run, word === 'on');
    if (run.naive.drainsOnce) await sweep(run, db);
  },
  block(run, [letter = '', word = '']) {
    run.regulator.known(IDS[letter as keyof typeof IDS]).blocked = word !== 'off';
  },
  /** The regulator ends a shift by itself. */
  over(run, [letter = '']) {
    run.regulator.endShift(IDS[letter as keyof typeof IDS], nowOf(run));
  },
  wait(run, [seconds = '']) {
    passTime(run, Number(seconds) * 1_000);
  },
  async sweep(run, _, db) {
    await sweep(run, db);
  },
  /** Retention: what may be forgotten by now is. */
  async forget(_run, _args, db) {
    await deleteOfflineStates(db, replayHorizonMs / DAY_MS, { parkId: '', driverId: '' }, 100);
    await deleteAccounts(db, 30, '', 100);
  },
} satisfies Record<string, Perform>;

/** One whole sweep; returns how many accounts it woke. What it repaired is added to the run. */
export async function sweep(run: Run, db: Db): Promise<number> {
  const metrics = openMetrics({ now: () => nowOf(run), monotonic: () => run.nowMs, sleep: () => Promise.resolve() });
  await using sweep = openSweep({
    db,
    trackstory: {
      positions: async (drivers) =>
        drivers.flatMap(({ parkId, driverId }) => {
          const place = run.naive.sweepSees ?? placeOf(run, driverId);
          return place === 'unknown'
            ? []
            : [{ parkId, driverId, point: POINTS[place], recordedAt: new Date(nowOf(run)) }];
        }),
    },
    rules: run.rules,
    limits: {
      ...run.limits,
      sweepMs: 30_000,
      sweepLookMs: 1_000,
      sweepPage: 100,
      sweepPositionsPerSecond: 1_000_000,
      positionMaxAgeMs: 60_000,
    },
    instance: 'one',
    clock: { now: () => nowOf(run), monotonic: () => run.nowMs, sleep: () => Promise.resolve() },
    log: openLog('silent'),
    metrics,
  });
  const woken = await sweep.runOnce(new AbortController().signal);
  const { values } = await metrics.counter('sweep_repaired_total', '', ['cause']).get();
  run.repaired += values.reduce((sum, { value }) => sum + value, 0);
  return woken;
}

/** Of two checks that concern one person or one id, the newer one wins, whoever saves last. */
function noteSaved(run: Run, concerned: readonly string[], no: number): void {
  for (const one of concerned) {
    if ((run.saved.get(one) ?? 0) > no) run.problems.push(`an older check of ${one} was saved after a newer one`);
    run.saved.set(one, no);
  }
}

type Given = { profile: string; status: DriverStatus; at: number };

async function take(run: Run, profile: string, events: [DriverStatus, number][], db: Db): Promise<void> {
  const { generation, offset: from } = run;
  run.offset += events.length;
  await takeAt(
    run,
    from,
    events.map(([status, at]) => ({ profile, status, at })),
    db,
  );
  for (const [i, [status, at]] of events.entries()) {
    const before = run.drivers.get(profile);
    const isNewer = !before || (at - before.at || generation - before.generation || from + i - before.offset) > 0;
    const isBelievable = at <= nowOf(run) + 60_000 && at >= nowOf(run) - replayHorizonMs;
    if (isNewer && isBelievable)
      run.drivers.set(profile, { connected: status !== 'offline', at, generation, offset: from + i });
  }
}

async function takeAt(run: Run, from: number, events: readonly Given[], db: Db): Promise<void> {
  const generation = run.naive.topicIsForEver ? 1 : run.generation;
  const place = { generation, topicId: `topic ${generation}`, from, next: from + events.length };
  const batch = {
    topic: 't',
    partition: 0,
    place,
    length: events.length,
    offsetOf: (i: number) => from + i,
    eventOf(i: number) {
      const { profile, status, at } = events[i]!;
      return { parkId: PARK, driverId: profile, status, eventAtMs: at };
    },
    payloadOf: () => Buffer.alloc(0),
  };
  await inTransaction(db, (tx) => takeEvents(tx, batch, { maxSilenceMs: run.limits.maxSilenceMs }));
}

/** The id behind a letter, as somebody may type it: `0X` is X with a zero before it. */
function textOf(letter: string): string {
  const id = IDS[letter.replace(/^0/, '') as keyof typeof IDS];
  return letter.startsWith('0') ? `0${id}` : id;
}

async function profileOf(db: Db, person: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('deptrans.driver_persons')
    .select('driver_id')
    .where('driver_license_pd_id', '=', person)
    .orderBy('driver_id')
    .executeTakeFirst();
  return row?.driver_id;
}
