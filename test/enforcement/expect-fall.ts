import { expect } from 'vitest';
import type { StepBackWorld } from './step-back-world.ts';

/** 5 s to fall, and two minutes of calm to come back, which pass in longer steps. */
export const FALL_S = 5;
export const CALM_S = 120;
export const LONG_MS = 5_000;

export const nobodyBlocks = (world: StepBackWorld) => () => world.blocking().length === 0;
export const somebodyBlocks = (world: StepBackWorld) => () => world.blocking().length > 0;

/** All fall within the time, for that reason, once; `tver`, where all is well, goes on. */
export async function expectFall(world: StepBackWorld, reason: string): Promise<void> {
  expect(await world.passUntil(nobodyBlocks(world), 60)).toBeLessThanOrEqual(FALL_S);
  expect((await world.records())[0]).toMatchObject({ region: 'moscow', reason, toAt: null });
  expect(world.blocking('tver').length).toBe(reason === 'regulator_down' ? 0 : world.instances.length);
}

/** Nobody blocks for as long as it must be calm, and then all do. */
export async function expectReturn(world: StepBackWorld): Promise<void> {
  for (let s = 0; s < CALM_S - 10; s += 10) {
    await world.pass(10, LONG_MS);
    expect(world.blocking()).toEqual([]);
  }
  await world.pass(20, LONG_MS);
  expect(world.blocking()).toEqual(world.instances.map(({ name }) => name));
}

export const goesOn = (world: StepBackWorld) =>
  expect(world.blocking()).toEqual(world.instances.map(({ name }) => name));
