import { Census } from '../../src/supply/census.ts';
import { previewOf } from '../../src/supply/preview.ts';
import { compilePolicy, EVERYBODY, NOBODY, type Policy, type Rule } from '../../verdict/verdict.ts';
import { driverOf, personOf } from '../consumer/drivers.ts';
import { openBenchServer } from '../database/bench-server.ts';
import type { Bench, Size, Trial } from '../frame.ts';
import { fillIntervals, fillLasting } from './past.ts';
import { openPreviewFeed } from './preview-feed.ts';

/**
 * The preview of a policy on the instance that counts: everybody who is connected is judged, and of the intervals of a week a sample. CPU of the whole
 * process beside the time, and the longest turn of the event loop, since the same instance may serve the feed.
 */
const COUNTS: Record<Size, { people: number; intervals: number }> = {
  full: { people: 400_000, intervals: 2_000_000 },
  small: { people: 5_000, intervals: 20_000 },
};
const SILENCE_MS = 86_400_000;
const MINUTE = 60_000;
const CITY = { lon: 37.6, lat: 55.75 };

export const previewBench: Bench = {
  name: 'preview',
  trials: [
    { goals: ['preview', 'preview-turn'], runs: 5, warmUps: 1, deadlineMs: 120_000, open: openTrial },
    { goals: ['preview-feed'], runs: 3, warmUps: 1, deadlineMs: 120_000, open: openPreviewFeed },
  ],
};

async function openTrial(size: Size): Promise<Trial> {
  await using stack = new AsyncDisposableStack();
  const now = Date.now();
  const server = stack.use(await openBenchServer({ durable: false }));
  const census = fill(COUNTS[size].people, now);
  await server.prepare(async (db) => {
    await fillLasting(db, COUNTS[size], now);
    await fillIntervals(db, COUNTS[size], now);
  });
  const { db } = stack.use(await server.copy());
  const owned = stack.move();
  return {
    async subject() {
      const before = process.cpuUsage();
      const began = performance.now();
      const turns = watchTurns();
      const preview = await previewOf(db, census, blocking({ share: 1_000, graceMs: 60 * MINUTE }), now);
      const tookMs = performance.now() - began;
      const { user, system } = process.cpuUsage(before);
      const longest = turns.stop();
      const blocked = preview.regions[0]!.now[0]!.blocked.people;
      const [past] = preview.regions[0]!.past;
      const beside = { cpuMs: (user + system) / 1_000, blocked, pastShare: past!.blocked.ms / past!.failing.ms };
      return { preview: { value: tookMs / 1_000, beside }, 'preview-turn': { value: longest } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Blocks by both checks, a tenth of those who fail. */
function blocking(fields: Partial<Rule>): Policy {
  const rule = {
    categories: [],
    mode: 'block',
    from: 0,
    share: EVERYBODY,
    include: NOBODY,
    exclude: NOBODY,
    graceMs: 0,
  } as const;
  const rules: Rule[] = [
    { ...rule, check: 'deptrans_id', ...fields },
    { ...rule, check: 'session', ...fields },
  ];
  const region = { id: 'moscow', on: true, tariffs: ['econom', 'business'], steppedBack: false, endsSoonMs: 0, rules };
  return { version: 1, suspended: false, maxDataAgeMs: MINUTE, regions: [region] };
}

/** People in one city: a third without an id, a third without a shift. */
function fill(people: number, now: number): Census {
  const census = new Census({ maxSilenceMs: SILENCE_MS, placeMs: 120_000, reportMs: 0 });
  const box = { west: 37, east: 38, south: 55, north: 56 };
  const rings = [
    [
      [37, 55],
      [37, 56],
      [38, 56],
      [38, 55],
      [37, 55],
    ] as [number, number][],
  ];
  const region = {
    id: 'moscow',
    on: true,
    tariffs: ['econom', 'business'],
    area: { rings, box },
    exitBufferMeters: 0,
    dwellMs: 0,
  };
  const compiled = compilePolicy(blocking({ mode: 'observe' }));
  census.judgeBy({ compiled, asPut: compiled }, [region], now);
  for (let first = 1; first <= people; first += 1_000) {
    const page = Array.from({ length: Math.min(1_000, people + 1 - first) }, (_, i) => personNo(first + i, now));
    census.take({}, { people: page, alone: [] }, now);
    for (const { no } of page) census.place(no, CITY, now);
  }
  while (census.advance(now).more);
  return census;
}

function personNo(no: number, now: number) {
  const bound = no % 3 > 0;
  const shift = no % 3 > 1;
  const profile = { no, ...driverOf(no), categories: no % 2 ? ['econom'] : ['business', 'econom'], seenAt: now };
  return {
    no,
    person: personOf(no),
    binding: bound ? 'bound' : null,
    bindingUpdatedAt: bound ? now - no : null,
    session: shift ? 'online' : null,
    sessionUpdatedAt: shift ? now - no : null,
    sessionEndedAt: shift ? now + 3_600_000 + no : null,
    sessionRegion: shift ? 'moscow' : '',
    profiles: [{ ...profile, isPublished: true }],
  };
}

/** The longest time for which the event loop let nobody in, by the CPU of this thread. */
function watchTurns() {
  let longest = 0;
  let last = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(last);
    last = process.threadCpuUsage();
    longest = Math.max(longest, (user + system) / 1_000);
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}
