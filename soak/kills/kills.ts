import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../../simulator/broker/kafka.ts';
import type { CityState } from '../../simulator/city/city.ts';
import { startPostgres } from '../../simulator/database/postgres.ts';
import { openRandom } from '../../simulator/random.ts';
import type { Soak } from '../soak.ts';
import { openStage, patienceMs, verdictOf } from '../stage.ts';
import { until } from '../until.ts';
import { repeatsIn, unexplained } from './repeats.ts';
import { watchMirror } from './watch-mirror.ts';

const options = { kills: 60, people: 10_000, events: 200_000, rate: 1_000, instances: 3, seed: 1 };

/**
 * G2: instances on one database and one topic, one of them killed every 1 to 3 seconds. At rest the regulator must know the newest state of
 * everyone; and whatever it was told
 * again must be a report that was under way at a kill. Look-ups are no repeats: an intent may be killed before its call.
 */
export const killsSoak: Soak<typeof options> = {
  name: 'kills',
  shows: 'G2: whatever is killed, the regulator ends up with the newest state of every person',
  options,
  // On a crowded machine: ten bindings a second, a quarter of the rate, a kill in 30 s, and all the patience that there is for the rest.
  deadlineMs: ({ kills, people, events, rate }) => people * 100 + (events / rate) * 4_000 + kills * 30_000 + patienceMs,
  async run({ kills, events, ...size }, signal) {
    await using server = await startPostgres();
    await using broker = await startBroker();
    await using stage = await openStage({ ...size, databaseUrl: server.url, brokers: broker.brokers, env });
    await using mirror = watchMirror(server.url);
    const { simulator, instances } = stage;
    const random = openRandom(`${size.seed}/kills`);
    const killedAtMs: number[] = [];
    const heldUp = monitorEventLoopDelay({ resolution: 10 });
    heldUp.enable();
    const beganMs = performance.now();
    using _ = tellEveryMinute(() => simulator.city.state());
    await simulator.city.start();
    const livingMs = performance.now();
    while (killedAtMs.length < kills) {
      await pause(1_000 + random.int(2_000), undefined, { signal });
      killedAtMs.push(Date.now());
      await random.pick(instances).restart();
    }
    await until(() => simulator.city.state().produced.messages >= events, signal, 500);
    const freezingMs = performance.now();
    const strict = await stage.rest(server.url, signal);
    const { oldestMs } = mirror;
    const { ok, ...figures } = verdictOf(await stage.rest(server.url, signal, oldestMs + pollMs));
    const calls = simulator.regulator.calls.all();
    const repeats = repeatsIn(calls);
    const strange = await unexplained(repeats, killedAtMs, server.url);
    return {
      ...figures,
      bindingSeconds: Math.round((livingMs - beganMs) / 1_000),
      livingSeconds: Math.round((freezingMs - livingMs) / 1_000),
      restingSeconds: Math.round((performance.now() - freezingMs) / 1_000),
      killed: killedAtMs.length,
      mirrorOldestMs: oldestMs,
      /** By the judge's own slack, which knows of no kills. */
      outOfOrderStrictly: strict.judged.outOfOrder,
      lookUps: calls.filter(({ kind }) => kind === 'session').length,
      repeats: repeats.length,
      unexplained: strange.length,
      ...(strange.length > 0 && { strange: strange.slice(0, 3), killedAtMs }),
      heldUpMs: Math.round(heldUp.max / 1e6),
      ok: ok && strange.length === 0,
    };
  },
};

/** Where a run is that has no figures yet, on standard error: one that does not end in its time has at least said what it was at. */
function tellEveryMinute(state: () => CityState): Disposable {
  const timer = setInterval(() => {
    const { phase, unsent, bindingsUnderWay, produced, bindings } = state();
    const now = { phase, unsent, bindingsUnderWay, events: produced.messages, bound: bindings?.bound ?? 0 };
    process.stderr.write(`${JSON.stringify(now)}\n`);
  }, 60_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A neighbour's fact may be as old as the copy was at its oldest, and the service asks so often (`mirror.pollMs`). */
const pollMs = 1_000;

/**
 * Sessions are read again for doubts alone, and once: nothing but the protocol itself mends what is believed. The quiet time is that of production: this
 * process is the regulator, too, and may be held up for longer than a few seconds.
 */
const env = {
  DEPTRANS_DELIVERY_REFRESH_MS: '86400000',
  DEPTRANS_DELIVERY_VERIFY_AFTER_MS: '86400000',
  DEPTRANS_DELIVERY_DRIFT_PER_DAY: '1',
  DEPTRANS_DELIVERY_QUIET_MS: '30000',
};
