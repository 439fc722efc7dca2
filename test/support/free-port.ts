import { freePort as freePortOf, isFree } from '../../simulator/stage/free-port.ts';

export { isFree };

/** Files that run side by side choose from stretches of their own, so that no two choose the same one before either has bound it. */
const FIRST = 20_000;
const COUNT = 3_000;
const place = Number(process.env['VITEST_POOL_ID'] ?? 0) % 4;

/** A port of 127.0.0.1 on which nothing listens, for a process that is started later, or again and again. */
export const freePort = () => freePortOf(FIRST + place * COUNT, COUNT);
