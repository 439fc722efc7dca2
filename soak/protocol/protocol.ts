import { startPostgres } from '../../simulator/database/postgres.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/runtime/log.ts';
import { openMetrics } from '../../src/runtime/metrics.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openArena } from '../../test/protocol/arena.ts';
import { SETTINGS } from '../../test/protocol/settings.ts';
import { shrink, walk } from '../../test/protocol/walk.ts';
import type { Soak } from '../soak.ts';

/** Shrinking a failing life takes a while; after so many the rest would tell nothing new. */
const MOST_FAILURES = 5;

/**
 * The property test of the delivery protocol in its long form: `runs` lives of `commands` commands, turn by turn in its settings. A life that
 * fails is told by its seed and as its shortest trace.
 */
export const protocolSoak: Soak<{ runs: number; commands: number; seed: number }> = {
  name: 'protocol',
  shows:
    'G3: per deptrans id never two calls that can still take effect, never an older state after a newer, and rest in truth.',
  options: { runs: 2_000, commands: 60, seed: 1 },
  deadlineMs: ({ runs, commands }) => 120_000 + runs * commands * 100,
  async run({ runs, commands, seed }, signal) {
    await using server = await startPostgres({ durable: false });
    await makeSchema(server.url);
    await using arena = await openArena(server.url);
    const settings = Object.values(SETTINGS);
    const failures: string[] = [];
    let longestRest = 0;
    let lives = 0;
    for (; lives < runs && failures.length < MOST_FAILURES; lives++) {
      signal.throwIfAborted();
      const setting = settings[lives % settings.length]!;
      const name = `${setting.name}/${seed + lives}`;
      const life = await walk(arena, setting, name, commands);
      longestRest = Math.max(longestRest, life.steps);
      if (life.problems.length === 0) continue;
      const { problems, commands: trace } = await shrink(arena, setting, life);
      failures.push(`${name}: ${problems.join('; ')} <- ${trace.join(' · ')}`);
    }
    return { lives, longestRest, failures, ok: failures.length === 0 };
  },
};

async function makeSchema(url: string): Promise<void> {
  await using database = openDatabase({
    url,
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 5_000,
    applicationName: 'soak',
    log: openLog('warn'),
    timer: openMetrics(systemClock).timer('store'),
  });
  await migrate(database.db);
}
